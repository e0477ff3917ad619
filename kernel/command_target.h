// What a command is about: the host or account that its arguments name.
#pragma once

#include <nuncio/command.h>
#include <nuncio/jid.h>

#include <string_view>

namespace nuncio::kernel {

class Server;
class VirtualHost;

/// Says which of the hosts comes near.
Error unknown_host(Server& server, std::string_view domain);

struct AccountTarget {
    VirtualHost* host = nullptr;
    Jid jid;
};

/// The account that the argument `jid` names; whether it exists is another question.
Result<AccountTarget> account_of(Server& server, const CommandCall& call);

}
