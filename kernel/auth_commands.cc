// Commands about auth backends: how they are, and what they say of somebody.
#include "auth_chain.h"
#include "command_registry.h"
#include "command_target.h"
#include "commands.h"
#include "server.h"
#include "virtual_host.h"

namespace nuncio::kernel {

namespace {

    Value::Array names_of(const AuthAbilities& abilities)
    {
        const std::pair<bool, const char*> all[] = {
            { abilities.check_password, "PLAIN" },
            { abilities.scram_sha1, "SCRAM-SHA-1" },
            { abilities.scram_sha256, "SCRAM-SHA-256" },
            { abilities.scram_sha512, "SCRAM-SHA-512" },
            { abilities.anonymous, "ANONYMOUS" },
            { abilities.certificate, "EXTERNAL" },
            { abilities.create, "create" },
            { abilities.set_password, "set-password" },
            { abilities.remove, "remove" },
            { abilities.list, "list" },
        };
        Value::Array names;
        for (const auto& [able, name] : all)
            if (able)
                names.emplace_back(name);
        return names;
    }

    task<Result<Value>> status(Server& server, const CommandCall& call)
    {
        const auto domain = call.text("host");
        if (!domain.empty() && !server.find_host(domain))
            co_return unknown_host(server, domain);
        Value::Array rows;
        for (const auto& host : server.hosts()) {
            if (!domain.empty() && host->domain() != domain)
                continue;
            for (auto& backend : host->auth().status()) {
                Value row;
                row["host"] = host->domain();
                row["backend"] = backend.name;
                row["can"] = names_of(backend.abilities);
                for (auto& [key, value] : backend.health.as_table())
                    row[key] = value;
                rows.push_back(std::move(row));
            }
        }
        co_return Value(std::move(rows));
    }

    std::string text_of(const Result<bool>& answer)
    {
        if (!answer)
            return answer.error().text;
        return *answer ? "yes" : "no";
    }

    task<Result<Value>> test(Server& server, const CommandCall& call)
    {
        const auto target = account_of(server, call);
        if (!target)
            co_return target.error();
        const auto verdicts = co_await target->host->auth().examine(
            std::string(target->jid.local()), std::string(call.text("password")));
        if (verdicts.empty())
            co_return Error { "no auth backend is running for "
                    + std::string(target->host->domain())
                    + ": check `auth` of the host and `nuncioctl plugin list`",
                Error::Kind::unavailable };
        Value::Array rows;
        for (const auto& verdict : verdicts) {
            Value row;
            row["backend"] = verdict.name;
            row["knows"] = text_of(verdict.exists);
            if (verdict.password)
                row["password_right"] = text_of(*verdict.password);
            row["took_ms"]
                = std::chrono::duration_cast<std::chrono::milliseconds>(verdict.took).count();
            rows.push_back(std::move(row));
        }
        co_return Value(std::move(rows));
    }

}

void add_auth_commands(Server& server, CommandRegistry& registry)
{
    using Type = CommandArgument::Type;
    registry.add({ "auth status", "The auth backends of the hosts: what they can do, how they are.",
                     { { .name = "host",
                         .type = Type::host,
                         .doc = "only of this host",
                         .required = false } } },
        [&server](const CommandCall& call) { return status(server, call); });
    registry.add(
        { "auth test", "Ask each auth backend about an account, as a login would.",
            { { .name = "jid", .type = Type::jid, .doc = "USER@HOST" },
                { .name = "password",
                    .doc = "asked for when it is left out; empty: only whether the account "
                           "is known",
                    .secret = true } } },
        [&server](const CommandCall& call) { return test(server, call); });
}

}
