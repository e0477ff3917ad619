// Commands about accounts and their sessions: they go to the accounts' home loops and come back.
#include "command_registry.h"
#include "command_target.h"
#include "commands.h"
#include "server.h"
#include "session.h"
#include "shard.h"
#include "virtual_host.h"

#include <algorithm>
#include <mutex>

namespace nuncio::kernel {

namespace {

    Value answer_of(std::string_view event, std::string_view jid)
    {
        Value answer;
        answer[event] = jid;
        return answer;
    }

    task<Result<Value>> register_account(Server& server, const CommandCall& call)
    {
        const auto target = account_of(server, call);
        if (!target)
            co_return target.error();
        const auto done = co_await target->host->accounts().create(
            std::string(target->jid.local()), std::string(call.text("password")));
        if (!done)
            co_return done.error();
        co_return answer_of("registered", target->jid.bare_text());
    }

    task<Result<Value>> unregister(Server& server, const CommandCall& call)
    {
        const auto target = account_of(server, call);
        if (!target)
            co_return target.error();
        const auto done
            = co_await target->host->accounts().remove(std::string(target->jid.local()));
        if (!done)
            co_return done.error();
        co_return answer_of("unregistered", target->jid.bare_text());
    }

    task<Result<Value>> change_password(Server& server, const CommandCall& call)
    {
        const auto target = account_of(server, call);
        if (!target)
            co_return target.error();
        const auto done = co_await target->host->accounts().set_password(
            std::string(target->jid.local()), std::string(call.text("password")));
        if (!done)
            co_return done.error();
        co_return answer_of("changed", target->jid.bare_text());
    }

    Value session_row(Session& session)
    {
        const auto idle = Loop::current()->now() - session.last_activity();
        Value row;
        row["jid"] = session.jid().text();
        row["address"] = session.address();
        row["encrypted"] = session.is_encrypted();
        row["available"] = session.is_available();
        row["priority"] = session.is_available() ? session.priority() : 0;
        row["idle_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(idle).count();
        return row;
    }

    task<Result<Value>> connected_users(Server& server, const CommandCall& call)
    {
        const auto domain = call.text("host");
        if (!domain.empty() && !server.find_host(domain))
            co_return unknown_host(server, domain);
        const Value* wanted = call.arguments.find("limit");
        const auto limit = std::size_t(std::max<std::int64_t>(wanted->as_integer(), 0));

        struct Found {
            std::mutex mutex; // the loops fill it at the same time
            Value::Array rows;
        };
        auto found = std::make_shared<Found>(); // shared: by the loops
        Completion<bool> all;
        server.on_every_loop(
            [&server, only = std::string(domain), limit, found](KernelLoop& loop) {
                if (loop.index() == server.loop_count())
                    return; // nobody's home
                Value::Array rows;
                // The loop's own view: the server's list is the main thread's.
                for (const auto& [served, target] : server.domains().domains) {
                    if (target.is_plugins || (!only.empty() && served != only))
                        continue;
                    for (const auto& [bare, account] : target.host->shard().accounts)
                        for (Session* session : account->sessions())
                            if (rows.size() < limit)
                                rows.push_back(session_row(*session));
                }
                const std::lock_guard lock(found->mutex);
                std::ranges::move(rows, std::back_inserter(found->rows));
            },
            [all] { all.resolve(true); });
        co_await all;
        std::ranges::sort(
            found->rows, {}, [](const Value& row) { return row.find("jid")->as_string(); });
        if (found->rows.size() > limit)
            found->rows.resize(limit);
        co_return std::move(found->rows);
    }

    task<Result<Value>> user_resources(Server& server, const CommandCall& call)
    {
        const auto target = account_of(server, call);
        if (!target)
            co_return target.error();
        Completion<Value> done;
        target->host->at_home(target->jid, [done](Account& account) {
            Value::Array rows;
            for (Session* session : account.sessions())
                rows.push_back(session_row(*session));
            done.resolve(std::move(rows));
        });
        co_return co_await done;
    }

    task<Result<Value>> kick(Server& server, const CommandCall& call)
    {
        const auto target = account_of(server, call);
        if (!target)
            co_return target.error();
        Completion<int> done;
        target->host->at_home(target->jid,
            [done, resource = std::string(target->jid.resource()),
                reason = std::string(call.text("reason"))](Account& account) {
                // Closing one may change the account's list.
                std::vector<Session*> wanted;
                for (Session* session : account.sessions())
                    if (resource.empty() || session->jid().resource() == resource)
                        wanted.push_back(session);
                for (Session* session : wanted)
                    session->close(StreamError {
                        .condition = StreamError::Condition::policy_violation, .text = reason });
                done.resolve(static_cast<int>(wanted.size()));
            });
        const int count = co_await done;
        if (count == 0)
            co_return Error { target->jid.text() + " is not online", Error::Kind::not_found };
        Value answer = answer_of("kicked", target->jid.text());
        answer["sessions"] = count;
        co_return answer;
    }

}

void add_account_commands(Server& server, CommandRegistry& registry)
{
    using Type = CommandArgument::Type;
    const CommandArgument account { .name = "jid", .type = Type::jid, .doc = "USER@HOST" };
    const CommandArgument password {
        .name = "password", .doc = "the new password; asked for when it is left out", .secret = true
    };

    registry.add({ .name = "register",
                     .summary = "Make an account.",
                     .arguments = { account, password },
                     .reach = Reach::host },
        [&server](const CommandCall& call) { return register_account(server, call); });
    registry.add({ .name = "unregister",
                     .summary = "Remove an account with everything that is kept for it.",
                     .arguments = { account },
                     .reach = Reach::host,
                     .is_final = true },
        [&server](const CommandCall& call) { return unregister(server, call); });
    registry.add({ .name = "change-password",
                     .summary = "Give an account a new password.",
                     .arguments = { account, password },
                     .reach = Reach::host,
                     .aliases = { "passwd" } },
        [&server](const CommandCall& call) { return change_password(server, call); });
    registry.add({ .name = "connected-users",
                     .summary = "Who is online.",
                     .arguments = { { .name = "host",
                                        .type = Type::host,
                                        .doc = "only of this host",
                                        .required = false },
                         { .name = "limit",
                             .type = Type::integer,
                             .doc = "how many to list at the most",
                             .required = false,
                             .default_text = "10000" } },
                     .reach = Reach::host },
        [&server](const CommandCall& call) { return connected_users(server, call); });
    registry.add({ .name = "user-resources",
                     .summary = "The sessions of one account.",
                     .arguments = { account },
                     .reach = Reach::host,
                     .aliases = { "sessions" } },
        [&server](const CommandCall& call) { return user_resources(server, call); });
    registry.add({ .name = "kick",
                     .summary = "End the sessions of an account, or one of them.",
                     .arguments = { { .name = "jid",
                                        .type = Type::jid,
                                        .doc = "USER@HOST, or USER@HOST/RESOURCE for one session" },
                         { .name = "reason",
                             .doc = "a text for the user",
                             .required = false,
                             .default_text = "ended by the administrator" } },
                     .reach = Reach::host },
        [&server](const CommandCall& call) { return kick(server, call); });
}

}
