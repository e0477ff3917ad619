#include "succession.h"

#include "context.h"
#include "generation.h"
#include "plugin_task.h"
#include "server.h"
#include "shard.h"
#include "virtual_host.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace nuncio::kernel {

namespace {

    /// A slot of each that is the same by name.
    struct SlotPair {
        PluginInstance* former;
        PluginInstance* heir;
        const Registrations::Slot* from;
        const Registrations::Slot* to;
    };

    std::vector<SlotPair> carried_slots(const std::vector<Succession>& successions)
    {
        std::vector<SlotPair> pairs;
        for (const Succession& each : successions)
            for (const auto& from : each.former->registrations().slots)
                for (const auto& to : each.heir->registrations().slots)
                    if (from.codec && to.codec && from.name == to.name
                        && from.of_session == to.of_session)
                        pairs.push_back({ each.former.get(), each.heir.get(), &from, &to });
        return pairs;
    }

    Result<void> carry(const SlotPair& pair, detail::Slots& slots)
    {
        const void* const value = slots.find(pair.from->index);
        if (!value)
            return {};
        const auto failed = [&](const Error& error) {
            return Error { "the slot " + pair.from->name + " of " + pair.former->name() + ": "
                    + error.text,
                error.kind };
        };
        try {
            Snapshot snapshot;
            {
                const InPlugin inside(*pair.former);
                pair.from->codec.write(value, snapshot);
            }
            const InPlugin inside(*pair.heir);
            const auto made = pair.to->codec.read(snapshot);
            if (!made)
                return failed(made.error());
            slots.set(pair.to->index, *made, pair.to->codec.destroy);
        } catch (...) {
            return failed({ "threw: " + thrown_text(), Error::Kind::internal });
        }
        return {};
    }

    template <class Code>
    Result<void> guarded(PluginInstance& instance, Server::Options::Call call, Code code)
    {
        const InPlugin inside(instance);
        try {
            Result<void> result = code(*instance.parts().plugin);
            const auto& fault = instance.host().server().options().fault;
            return result && fault ? fault(instance.name(), call) : result;
        } catch (...) {
            return Error { instance.name() + " on " + std::string(instance.host().domain())
                    + " threw: " + thrown_text(),
                Error::Kind::internal };
        }
    }

}

bool Succession::has_inheritance() const
{
    return former->generation().descriptor().has_state
        || std::ranges::any_of(former->registrations().slots,
            [](const Registrations::Slot& slot) { return bool(slot.codec); });
}

bool Succession::is_of_storage() const
{
    return std::ranges::any_of(
        former->registrations().services, [](const Registrations::Service& service) {
            return service.interface == StorageDriver::interface;
        });
}

Result<void> Succession::save(Snapshot& snapshot) const
{
    if (!former->generation().descriptor().has_state)
        return {};
    return guarded(*former, Server::Options::Call::save, [&](const Plugin& plugin) -> Result<void> {
        plugin.save(snapshot);
        return {};
    });
}

Result<void> Succession::restore(const Snapshot& snapshot) const
{
    if (!former->generation().descriptor().has_state)
        return {};
    auto restored = guarded(*heir, Server::Options::Call::restore,
        [&](Plugin& plugin) { return plugin.restore(snapshot); });
    if (!restored)
        return Error { heir->name() + ": " + restored.error().text, restored.error().kind };
    return restored;
}

void carry_slots(const std::vector<Succession>& successions, std::function<void(Result<void>)> done)
{
    const auto pairs = carried_slots(successions);
    if (pairs.empty())
        return done({});
    VirtualHost& host = successions.front().former->host();
    Server& server = host.server();
    // Each loop writes its own.
    auto failures = std::make_shared<std::vector<std::optional<Error>>>(
        server.loop_count() + 1); // shared: by the loops
    server.on_every_loop(
        [&host, pairs, failures](KernelLoop& loop) {
            auto& failure = (*failures)[loop.index()];
            const auto carry_all = [&](bool of_session, detail::Slots& slots) {
                for (const SlotPair& pair : pairs)
                    if (pair.from->of_session == of_session && !failure)
                        if (auto carried = carry(pair, slots); !carried)
                            failure = carried.error();
            };
            host.visit_accounts(loop, [&](Account& account) {
                carry_all(false, account.slots());
                for (Session* session : account.sessions())
                    carry_all(true, session->slots());
            });
        },
        [failures, done = std::move(done)] {
            for (const auto& failure : *failures)
                if (failure)
                    return done(*failure);
            done({});
        });
}

}
