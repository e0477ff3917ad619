// One served domain: its accounts by loop, its table, its homes.
#include "virtual_host.h"

#include "auth_chain.h"
#include "server.h"
#include "session.h"
#include "shard.h"
#include "storage_door.h"

#include <cassert>
#include <openssl/rand.h>

namespace nuncio::kernel {

VirtualHost::VirtualHost(Server& server, HostSettings settings)
    : references_(*new HostRef::Count(*this))
    , server_(server)
    , settings_(std::make_shared<const HostSettings>(std::move(settings)))
    , domain_(settings_->domain)
    , auth_(std::make_unique<AuthChain>(*this))
    , storage_(std::make_unique<StorageDoor>(*this))
{
    if (auto jid = Jid::make({}, domain_))
        domain_jid_ = std::move(*jid);
    jid_ = domain_jid_;
    published_ = RouteTable::build({});
    for (std::size_t i = 0; i <= server.loop_count(); ++i) {
        shards_.push_back(std::make_unique<Shard>());
        shards_.back()->table = published_;
        shards_.back()->settings = settings_;
    }
}

VirtualHost::~VirtualHost()
{
    HostRef::release(references_);
}

void VirtualHost::route(Stanza stanza)
{
    server_.router().route(std::move(stanza));
}

void VirtualHost::fan_out(Stanza stanza, std::vector<Jid> to)
{
    server_.router().fan_out(std::move(stanza), std::move(to));
}

Loop& VirtualHost::home(JidView entity)
{
    return server_.loop(server_.router().home_index(entity));
}

void VirtualHost::at_home(JidView bare, Function<void(Account&)> job)
{
    Loop& loop = home(bare);
    if (Loop::current() == &loop) {
        const AccountRef held = account(bare);
        return job(*held);
    }
    loop.post([kept = HostRef(*this), jid = Jid(bare.bare()), job = std::move(job)] {
        const AccountRef held = kept->account(jid);
        job(*held);
    });
}

AccountRef VirtualHost::account(JidView bare)
{
    assert(Loop::current() == &home(bare));
    auto& accounts = shard().accounts;
    const auto found = accounts.find(bare.bare_text());
    if (found != accounts.end())
        return AccountRef(*found->second);
    auto made = std::make_unique<AccountObject>(*this, Jid(bare.bare()));
    AccountObject& object = *made;
    accounts.emplace(object.jid().text(), std::move(made));
    return AccountRef(object);
}

Account* VirtualHost::find_account(JidView bare)
{
    auto& accounts = shard().accounts;
    const auto found = accounts.find(bare.bare_text());
    return found == accounts.end() ? nullptr : found->second.get();
}

Accounts& VirtualHost::accounts()
{
    return *auth_;
}

std::shared_ptr<const Directory> VirtualHost::directory(Component component)
{
    const auto which = static_cast<std::size_t>(component);
    if (Loop::current())
        return table().directory[which];
    // A handler in the worker pool has no table of its own.
    const std::lock_guard lock(published_mutex_);
    return published_->directory[which];
}

std::string VirtualHost::random_id()
{
    unsigned char bytes[16];
    // RAND_bytes fails only when the system has no entropy source at all.
    [[maybe_unused]] const int filled = RAND_bytes(bytes, sizeof bytes);
    assert(filled == 1);
    static constexpr char digits[] = "0123456789abcdefghijklmnopqrstuv";
    std::string id;
    id.reserve(26);
    unsigned bits = 0, have = 0;
    for (const unsigned char byte : bytes) {
        bits = bits << 8 | byte;
        for (have += 8; have >= 5; have -= 5)
            id += digits[bits >> (have - 5) & 31];
    }
    return id += digits[bits << (5 - have) & 31];
}

std::size_t VirtualHost::loop_count() const
{
    return server_.loop_count();
}

Loop& VirtualHost::loop(std::size_t index)
{
    return server_.loop(index);
}

const HostSettings& VirtualHost::settings() const
{
    const Loop* loop = Loop::current();
    return *shards_[loop ? loop->index() : server_.loop_count()]->settings;
}

void VirtualHost::set_settings(HostSettings settings)
{
    settings_ = std::make_shared<const HostSettings>(std::move(settings));
}

VirtualHost::Shard& VirtualHost::shard()
{
    return *shards_[KernelLoop::current()->index()];
}

const RouteTable& VirtualHost::table() const
{
    return *shards_[KernelLoop::current()->index()]->table;
}

void VirtualHost::publish(std::shared_ptr<const RouteTable> table, Function<void()> switched)
{
    {
        const std::lock_guard lock(published_mutex_);
        published_ = table;
    }
    server_.on_every_loop(
        [this, table, settings = settings_](KernelLoop& loop) {
            shards_[loop.index()]->settings = settings;
            take(loop, table);
        },
        std::move(switched));
}

void VirtualHost::take(KernelLoop& loop, const std::shared_ptr<const RouteTable>& table)
{
    Shard& shard = *shards_[loop.index()];
    const ServiceEntry* const driver = shard.table->find_service(StorageDriver::interface);
    const bool has_driver = table->find_service(StorageDriver::interface) != nullptr;
    shard.former_storage = driver && !has_driver ? *driver : ServiceEntry {};
    shard.table = table;
    if (table->is_pausing || shard.held.empty())
        return;
    if (loop.index() == server_.loop_count()) {
        // The main loop switches in the middle of the transaction.
        loop.post([this, &shard] { note_held(shard.held.release()); });
        return;
    }
    // At once: what comes after this letter comes after what waited.
    note_held(shard.held.release());
}

void VirtualHost::note_held(std::chrono::nanoseconds wait)
{
    auto longest = longest_hold_.load(std::memory_order_relaxed);
    while (wait.count() > longest
        && !longest_hold_.compare_exchange_weak(longest, wait.count(), std::memory_order_relaxed)) {
    }
}

const ServiceEntry* VirtualHost::storage_driver() const
{
    const Shard& here = *shards_[KernelLoop::current()->index()];
    if (const ServiceEntry* driver = here.table->find_service(StorageDriver::interface))
        return driver;
    return here.former_storage.instance ? &here.former_storage : nullptr;
}

bool VirtualHost::holds(std::string_view about) const
{
    return shards_[KernelLoop::current()->index()]->held.has(about);
}

void VirtualHost::hold(std::string_view about, Function<void()> job)
{
    held_count_.fetch_add(1, std::memory_order_relaxed);
    shard().held.add(about, std::move(job));
}

VirtualHost::Held VirtualHost::take_held()
{
    return { held_count_.exchange(0, std::memory_order_relaxed),
        std::chrono::nanoseconds(longest_hold_.exchange(0, std::memory_order_relaxed)) };
}

void VirtualHost::clear_slots(std::vector<Registrations::Slot> slots, Function<void()> done)
{
    server_.on_every_loop(
        [this, slots = std::move(slots)](KernelLoop& loop) {
            visit_accounts(loop, [&slots](Account& account) {
                for (const auto& slot : slots) {
                    if (!slot.of_session) {
                        account.slots().clear(slot.index);
                        continue;
                    }
                    for (Session* session : account.sessions())
                        session->slots().clear(slot.index);
                }
            });
        },
        std::move(done));
}

void VirtualHost::leave(KernelLoop& loop)
{
    shards_[loop.index()]->is_leaving = true;
}

bool VirtualHost::is_leaving() const
{
    return shards_[KernelLoop::current()->index()]->is_leaving;
}

bool VirtualHost::is_in_use(KernelLoop& loop) const
{
    const Shard& shard = *shards_[loop.index()];
    return !shard.accounts.empty() || !shard.held.empty();
}

void VirtualHost::visit_accounts(KernelLoop& loop, const std::function<void(Account&)>& visit)
{
    // A value that ends may let go of its account, and so change the map: hold them all.
    std::vector<AccountRef> held;
    for (auto& [jid, account] : shards_[loop.index()]->accounts)
        held.emplace_back(*account);
    for (const AccountRef& account : held)
        visit(*account);
}

HostRef::HostRef(VirtualHost* host)
    : count_(host ? &host->references_ : nullptr)
{
    if (count_)
        count_->holders.fetch_add(1, std::memory_order_relaxed);
}

}
