// One served domain: its shard of accounts on each loop, and the table of what plugins offer.
#pragma once

#include "host_ref.h"
#include "route_table.h"
#include "settings.h"

#include <nuncio/host.h>
#include <nuncio/storage.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace nuncio::kernel {

class KernelLoop;
class Server;
class AccountObject;
class ClientSession;
class AuthChain;

class VirtualHost final : public Host {
public:
    VirtualHost(Server& server, HostSettings settings);
    ~VirtualHost() override;

    // Host
    std::string_view domain() const override { return domain_; }
    void route(Stanza stanza) override;
    void fan_out(Stanza stanza, std::vector<Jid> to) override;
    Loop& home(JidView entity) override;
    void at_home(JidView bare, Function<void(Account&)> job) override;
    AccountRef account(JidView bare) override;
    Account* find_account(JidView bare) override;
    Accounts& accounts() override;
    std::shared_ptr<const Directory> directory(Component component) override;
    std::string random_id() override;
    std::size_t loop_count() const override;
    Loop& loop(std::size_t index) override;

    Server& server() { return server_; }
    /// As the calling loop has them (the main loop's, off the loops). Ask again after a wait.
    const HostSettings& settings() const;
    /// Main thread: what the loops get with the next table that is published.
    void set_settings(HostSettings settings);

    /// The table of the calling loop (any loop's thread, the main thread included).
    const RouteTable& table() const;
    /// Main thread: every loop switches, then `switched` runs on the main thread: no loop is inside
    /// a handler of the former table any more.
    void publish(std::shared_ptr<const RouteTable> table, Function<void()> switched);
    /// Main thread: of the table that was published last, in the order of their start.
    const std::vector<std::shared_ptr<PluginInstance>>& instances() const
    {
        return published_->instances;
    }
    /// Main thread: what was published last.
    const std::shared_ptr<const RouteTable>& published() const { return published_; }
    /// Whether what is about `about` (an account's bare JID, a domain) has to wait before this
    /// chain: a plugin of it hands over, or something about the same waits already. The calling
    /// loop's view; false in one comparison at other times.
    bool must_wait(const HookChain& chain, std::string_view about) const
    {
        return table().is_pausing && (chain.is_paused || holds(about));
    }
    bool holds(std::string_view about) const;
    /// Runs `job` on this loop once the plugins have handed over, after all that waits already.
    void hold(std::string_view about, Function<void()> job);
    /// What was held since the last call: how much, and the longest wait. Main thread.
    struct Held {
        std::size_t count = 0;
        std::chrono::nanoseconds longest {};
    };
    std::size_t held_count() const { return held_count_.load(std::memory_order_relaxed); }
    Held take_held();

    /// Where the host's stores lead: whatever storage driver runs when they are used.
    StorageDriver& storage() { return *storage_; }
    /// The driver behind it on the calling loop, or null. One that is being unloaded is there for
    /// those that end with it, who may still have something to write.
    const ServiceEntry* storage_driver() const;

    /// Every account in memory whose home `loop` is, which is the calling one.
    void visit_accounts(KernelLoop& loop, const std::function<void(Account&)>& visit);
    /// Destroys the values of these slots on every loop, then runs `done` on the main thread.
    void clear_slots(std::vector<Registrations::Slot> slots, Function<void()> done);
    std::uint32_t next_slot() { return next_slot_++; }

    AuthChain& auth() { return *auth_; }

    /// Home loop only: the session manager's shard.
    struct Shard;
    Shard& shard();

    std::uint64_t session_count() const { return sessions_.load(std::memory_order_relaxed); }

    // Its end: see HostDeparture.
    /// On every loop, which from then on lets nobody begin a stream to the host.
    void leave(KernelLoop& loop);
    /// The calling loop's view.
    bool is_leaving() const;
    /// Whether `loop`, which is the calling one, has an account in memory, or a held job.
    bool is_in_use(KernelLoop& loop) const;
    /// Any thread: whether there is a HostRef.
    bool is_referenced() const { return references_.holders.load(std::memory_order_acquire) > 1; }

private:
    friend class HostRef;
    friend class AccountObject;
    friend class SessionManager;
    friend class ClientSession;
    void take(KernelLoop& loop, const std::shared_ptr<const RouteTable>& table);
    void note_held(std::chrono::nanoseconds wait);

    HostRef::Count& references_; // ends with the last of them
    Server& server_;
    std::shared_ptr<const HostSettings> settings_; // shared: by the loops until the next ones
    std::string domain_;
    Jid domain_jid_;
    std::unique_ptr<AuthChain> auth_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::shared_ptr<const RouteTable> published_; // written by the main thread, under the mutex
    mutable std::mutex published_mutex_;
    std::uint32_t next_slot_ = 0;
    std::unique_ptr<StorageDriver> storage_;
    std::atomic<std::uint64_t> sessions_ = 0;
    std::atomic<std::size_t> held_count_ = 0;
    std::atomic<std::chrono::nanoseconds::rep> longest_hold_ = 0;
};

}
