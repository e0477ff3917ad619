// The kernel's own commands: status, accounts, sessions, plugins, reload, stop.
#pragma once

namespace nuncio::kernel {

class Server;
class CommandRegistry;

void add_kernel_commands(Server& server, CommandRegistry& registry);
/// The part of them that is about accounts and their sessions.
void add_account_commands(Server& server, CommandRegistry& registry);
/// And the part about the backends that say who somebody is.
void add_auth_commands(Server& server, CommandRegistry& registry);
/// Moving accounts between servers.
void add_import_commands(Server& server, CommandRegistry& registry);

}
