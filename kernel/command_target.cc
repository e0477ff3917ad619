#include "command_target.h"

#include "server.h"
#include "virtual_host.h"

#include <string>
#include <vector>

namespace nuncio::kernel {

Error unknown_host(Server& server, std::string_view domain)
{
    std::vector<std::string_view> known;
    for (const auto& host : server.hosts())
        known.push_back(host->domain());
    std::string text = "this server does not serve \"" + std::string(domain) + '"';
    if (const auto near = nearest(domain, known); !near.empty())
        text += "; did you mean \"" + std::string(near) + "\"?";
    return Error { text, Error::Kind::not_found };
}

Result<AccountTarget> account_of(Server& server, const CommandCall& call)
{
    auto jid = Jid::parse(call.text("jid"));
    if (!jid)
        return jid.error();
    if (jid->local().empty())
        return Error { "jid: expected USER@HOST, not " + jid->text() };
    VirtualHost* host = server.find_host(jid->domain());
    if (!host)
        return unknown_host(server, jid->domain());
    return AccountTarget { host, std::move(*jid) };
}

}
