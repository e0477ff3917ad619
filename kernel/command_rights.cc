#include "command_rights.h"

#include "settings.h"

#include <nuncio/jid.h>

#include <algorithm>

namespace nuncio::kernel {

namespace {

    bool names(const std::vector<std::string>& all, std::string_view one)
    {
        return std::ranges::find(all, one) != all.end();
    }

    Error refused(const Command& command, const std::string& why)
    {
        return Error { command.name + ": " + why, Error::Kind::refused };
    }

    /// Whoever commands an account can make its owner's rights their own, so nobody commands those
    /// who may more. A plugin has all accounts of its host but those of such administrators.
    bool may_more(const CommandCaller& one, const CommandCaller& other)
    {
        if (one.may_reach_server && !other.may_reach_server)
            return true;
        if (!one.hosts || !other.hosts)
            return !one.hosts && other.hosts;
        return std::ranges::any_of(
            *one.hosts, [&](const std::string& host) { return !names(*other.hosts, host); });
    }

    Result<void> check_domain(
        const Command& command, std::string_view domain, const CommandCaller& caller)
    {
        if (caller.hosts && !names(*caller.hosts, domain))
            return refused(
                command, caller.name + " does not administer the host " + std::string(domain));
        return {};
    }

    Result<void> check_account(const Command& command, const Value& value,
        const CommandCaller& caller, const Settings& settings)
    {
        const auto jid = Jid::parse(value.as_string());
        if (!jid)
            return jid.error();
        if (auto checked = check_domain(command, jid->domain(), caller); !checked)
            return checked;
        if (may_more(CommandCaller::user(settings, *jid), caller))
            return refused(command,
                std::string(jid->bare_text()) + " is an administrator who may more than "
                    + caller.name);
        return {};
    }

}

CommandCaller CommandCaller::console(std::string name)
{
    return { .name = std::move(name),
        .is_at_console = true,
        .may_reach_server = true,
        .hosts = std::nullopt };
}

CommandCaller CommandCaller::user(const Settings& settings, JidView jid)
{
    CommandCaller caller { .name = std::string(jid.bare_text()) };
    if (names(settings.admins, caller.name)) {
        caller.may_reach_server = true;
        caller.hosts = std::nullopt;
        return caller;
    }
    for (const HostSettings& host : settings.hosts)
        if (names(host.admins, caller.name))
            caller.hosts->push_back(host.domain);
    return caller;
}

CommandCaller CommandCaller::plugin(std::string name, std::string host)
{
    CommandCaller caller { .name = std::move(name), .may_reach_server = true };
    caller.hosts->push_back(std::move(host));
    return caller;
}

bool is_offered(const Command& command, const CommandCaller& caller)
{
    if (caller.is_at_console)
        return true;
    if (command.fronts == Fronts::console)
        return false;
    if (command.reach == Reach::server)
        return caller.may_reach_server;
    return !caller.hosts || !caller.hosts->empty();
}

Result<void> check_rights(const Command& command, const Value& arguments,
    const CommandCaller& caller, const Settings& settings)
{
    if (!is_offered(command, caller))
        return refused(command,
            command.fronts == Fronts::console ? "is for nuncioctl alone"
                                              : "is not for " + caller.name);
    if (command.reach == Reach::server || !caller.hosts)
        return {};
    bool is_about_host = false;
    for (const CommandArgument& argument : command.arguments) {
        const Value* const value = arguments.find(argument.name);
        const bool is_jid = argument.type == CommandArgument::Type::jid;
        if (!value || (!is_jid && argument.type != CommandArgument::Type::host))
            continue;
        is_about_host = true;
        const auto checked = is_jid ? check_account(command, *value, caller, settings)
                                    : check_domain(command, value->as_string(), caller);
        if (!checked)
            return checked;
    }
    if (!is_about_host)
        return refused(command, "say which host; " + caller.name + " does not administer all");
    return {};
}

}
