// The steps of a change, each of which calls the next.
#include "plugin_transaction.h"

#include "context.h"
#include "generation.h"
#include "server.h"
#include "virtual_host.h"

#include <algorithm>
#include <map>

namespace nuncio::kernel {

namespace {

    std::string to_text(Duration duration)
    {
        return std::to_string(
                   std::chrono::duration_cast<std::chrono::milliseconds>(duration).count())
            + " ms";
    }

    /// They end together, so that each of them may use what another offers until the last task has.
    std::shared_ptr<const PluginInstance::Services> leaving_services(const HostChange& change)
    {
        auto services = std::make_shared<PluginInstance::Services>(); // shared: by the instances
        for (const auto& instance : change.leaving)
            for (const auto& service : instance->registrations().services)
                services->try_emplace(service.interface, service.service);
        return services;
    }

    bool provides_any(PluginInstance& instance, const std::vector<std::string>& interfaces)
    {
        const auto& provides = instance.generation().note().provides;
        return std::ranges::any_of(interfaces, [&](const std::string& needed) {
            return std::ranges::find(provides, needed) != provides.end();
        });
    }

}

std::string_view to_string(PluginTransaction::Step step)
{
    using enum PluginTransaction::Step;
    switch (step) {
    case stage:
        return "stage";
    case build:
        return "build";
    case quiesce:
        return "quiesce";
    case save:
        return "save";
    case restore:
        return "restore";
    case change_over:
        return "change over";
    case drain:
        return "drain";
    }
    return {};
}

PluginTransaction::PluginTransaction(
    Server& server, PoolBacklog& pool, std::vector<HostChange> changes, Bounds bounds)
    : server_(server)
    , pool_(pool)
    , changes_(std::move(changes))
    , bounds_(bounds)
{
}

PluginTransaction::~PluginTransaction() = default;

void PluginTransaction::run(std::function<void(const Instances&)> switched, Done done)
{
    switched_ = std::move(switched);
    done_ = std::move(done);
    for (const HostChange& change : changes_)
        hosts_.push_back(change.host);
    if (auto built = build(); !built)
        return fail(built.error());
    find_successions();
    const bool somebody_pauses
        = std::ranges::any_of(on_host_, [](const OnHost& at) { return !at.paused.empty(); });
    if (!somebody_pauses)
        return change_over();
    quiesce();
}

Result<void> PluginTransaction::build()
{
    for (const HostChange& change : changes_) {
        auto built = build_instances(change, OnFailure::give_up, pool_, in_vain_);
        if (!built)
            return built.error();
        next_.push_back(std::move(*built));
    }
    return check_domains();
}

/// Each new instance was checked against what is served already. Here: against each other.
Result<void> PluginTransaction::check_domains() const
{
    std::map<std::string_view, const VirtualHost*> owners;
    for (const VirtualHost* host : hosts_)
        owners.emplace(host->domain(), host);
    for (std::size_t i = 0; i < hosts_.size(); ++i)
        for (const auto& instance : next_[i])
            for (const auto& wanted : instance->registrations().domains)
                if (const auto [at, is_free] = owners.emplace(wanted.domain, hosts_[i]); !is_free)
                    return Error { "the plugin " + instance->name() + " wants the domain "
                            + wanted.domain + " on " + std::string(hosts_[i]->domain())
                            + ", which is taken by " + std::string(at->second->domain()),
                        Error::Kind::conflict };
    return {};
}

/// Who succeeds whom, and who must be quiet meanwhile: former instances with state, and those that
/// use a service of one, because a call into it cannot wait.
void PluginTransaction::find_successions()
{
    for (std::size_t i = 0; i < changes_.size(); ++i) {
        OnHost& at = on_host_.emplace_back();
        at.former = hosts_[i]->published();
        for (const auto& former : changes_[i].leaving)
            for (const auto& heir : next_[i]) {
                if (heir == former || heir->name() != former->name())
                    continue;
                const Succession succession { former, heir };
                if (succession.is_of_storage()
                    || (succession.has_inheritance() && !bounds_.drops_state))
                    at.paused.push_back(former);
                if (!bounds_.drops_state)
                    at.successions.push_back(succession);
            }
        const auto is_paused = [&](const auto& instance) {
            return std::ranges::find(at.paused, instance) != at.paused.end();
        };
        for (bool changed = true; changed;) {
            changed = false;
            for (const auto& instance : at.former->instances) {
                const auto& uses = instance->registrations().uses;
                if (is_paused(instance)
                    || std::ranges::none_of(at.paused,
                        [&](const auto& provider) { return provides_any(*provider, uses); }))
                    continue;
                at.paused.push_back(instance);
                changed = true;
            }
        }
    }
}

/// A table in which everything for those who are to be quiet waits.
void PluginTransaction::quiesce()
{
    step_ = Step::quiesce;
    deadline_ = server_.main_loop().now() + bounds_.pause;
    for (VirtualHost* host : hosts_)
        host->take_held();
    const auto left = std::make_shared<std::size_t>(hosts_.size()); // shared: by the hosts
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
        std::vector<const PluginInstance*> paused;
        for (const auto& instance : on_host_[i].paused)
            paused.push_back(instance.get());
        hosts_[i]->publish(
            RouteTable::build_pausing(on_host_[i].former->instances, std::move(paused)),
            [this, left] {
                if (--*left == 0)
                    wait_until_idle(false);
            });
    }
}

bool PluginTransaction::is_idle() const
{
    return std::ranges::all_of(on_host_, [](const OnHost& at) {
        return std::ranges::all_of(
            at.paused, [](const auto& instance) { return instance->leases() == 0; });
    });
}

std::string PluginTransaction::who_is_busy() const
{
    std::string text;
    for (const OnHost& at : on_host_)
        for (const auto& instance : at.paused)
            if (const auto leases = instance->leases(); leases != 0)
                text += (text.empty() ? "" : ", ") + instance->name() + '@'
                    + std::string(instance->host().domain()) + " (" + std::to_string(leases) + ")";
    return text;
}

std::size_t PluginTransaction::held() const
{
    std::size_t sum = 0;
    for (const VirtualHost* host : hosts_)
        sum += host->held_count();
    return sum;
}

/// Who is to end may wait for a write that takes its time.
void PluginTransaction::hurry_storage()
{
    for (const VirtualHost* host : hosts_)
        if (const ServiceEntry* driver
            = host->published()->find_service(StorageDriver::interface)) {
            const InPlugin inside(*driver->instance);
            static_cast<StorageDriver*>(driver->service)->hurry();
        }
}

/// `is_settled`: every loop has taken a turn since they were idle, so that no stack holds a frame
/// of theirs either.
void PluginTransaction::wait_until_idle(bool is_settled)
{
    constexpr Duration poll_delay = 1ms;
    hurry_storage();
    if (held() > bounds_.held)
        return go_back({ std::to_string(held()) + " stanzas waited for it, and "
                + std::to_string(bounds_.held) + " may (limits.handover_stanzas)",
            Error::Kind::limit });
    if (is_idle() && is_settled)
        return hand_over();
    if (is_idle())
        return server_.on_every_loop([](KernelLoop&) {}, [this] { wait_until_idle(true); });
    if (server_.main_loop().now() >= deadline_)
        return go_back({ "after " + to_text(bounds_.pause)
                + " (limits.handover_time) there still is"
                  " something under way in "
                + who_is_busy(),
            Error::Kind::unavailable });
    timer_ = server_.main_loop().after(poll_delay, [this] {
        // By mail: the timer's job must not replace the timer.
        server_.main_loop().post([this] { wait_until_idle(false); });
    });
}

/// On this thread, while everything for both sides waits.
void PluginTransaction::hand_over()
{
    // The loop's own time stands still during a turn, and this is what takes time in it.
    using Clock = std::chrono::steady_clock;
    const auto is_slow
        = [this](Clock::time_point since) { return Clock::now() - since > bounds_.pause; };
    const auto too_slow = [this](Clock::time_point since) {
        return Error { "it took "
                + to_text(std::chrono::duration_cast<Duration>(Clock::now() - since)) + ", and has "
                + to_text(bounds_.pause) + " (limits.handover_time)",
            Error::Kind::limit };
    };
    for (const OnHost& at : on_host_)
        for (const Succession& each : at.successions) {
            Snapshot snapshot;
            step_ = Step::save;
            const auto begin = Clock::now();
            if (auto saved = each.save(snapshot); !saved)
                return go_back(saved.error());
            if (is_slow(begin))
                return go_back(too_slow(begin));
            step_ = Step::restore;
            const auto saved_at = Clock::now();
            if (auto restored = each.restore(snapshot); !restored)
                return go_back(restored.error());
            if (is_slow(saved_at))
                return go_back(too_slow(saved_at));
        }
    carry_slots();
}

void PluginTransaction::carry_slots()
{
    step_ = Step::restore;
    struct Round {
        std::size_t left;
        Result<void> result;
    };
    auto round = std::make_shared<Round>(Round { on_host_.size(), {} }); // shared: by the hosts
    for (const OnHost& at : on_host_)
        kernel::carry_slots(at.successions, [this, round](Result<void> carried) {
            if (!carried && round->result)
                round->result = carried;
            if (--round->left != 0)
                return;
            // By mail: this list is being worked off, and ends with what comes next.
            server_.main_loop().post([this, result = round->result] {
                if (result)
                    change_over();
                else
                    go_back(result.error());
            });
        });
}

void PluginTransaction::go_back(const Error& error)
{
    const auto left = std::make_shared<std::size_t>(hosts_.size()); // shared: by the hosts
    for (std::size_t i = 0; i < hosts_.size(); ++i)
        hosts_[i]->publish(on_host_[i].former, [this, left, error] {
            if (--*left == 0)
                fail(error);
        });
}

/// Nobody has seen the new instances, but they have begun to run: jobs of theirs may be under way,
/// and values of theirs lie in slots.
void PluginTransaction::fail(const Error& error)
{
    on_host_.clear();
    Instances ending;
    for (std::size_t i = 0; i < next_.size(); ++i)
        for (const auto& instance : next_[i])
            if (std::ranges::find(changes_[i].kept, instance) == changes_[i].kept.end())
                ending.push_back(instance);
    std::ranges::move(in_vain_, std::back_inserter(ending));
    next_.clear();
    in_vain_.clear();
    changes_.clear();
    retirement_ = std::make_unique<Retirement>(
        server_, std::move(ending), std::vector<Retirement::Bystander>(), bounds_.patience);
    retirement_->begin([this, error] {
        // By mail: the retirement is on the stack.
        server_.main_loop().post([this, error] {
            const Done done = std::move(done_);
            done(error);
        });
    });
}

/// Those that stay and used a service of one that goes: their tasks may be inside of it.
std::vector<Retirement::Bystander> PluginTransaction::bystanders_of(const HostChange& change) const
{
    std::vector<Retirement::Bystander> found;
    for (const auto& kept : change.kept)
        if (std::ranges::any_of(change.leaving, [&](const auto& leaving) {
                return provides_any(*leaving, kept->registrations().uses);
            }))
            found.push_back({ kept, kept->begin_era() });
    return found;
}

/// From here on nothing can fail.
void PluginTransaction::change_over()
{
    step_ = Step::change_over;
    Instances leaving, fresh;
    std::vector<Retirement::Bystander> bystanders;
    on_host_.clear();
    for (std::size_t i = 0; i < changes_.size(); ++i) {
        HostChange& change = changes_[i];
        std::ranges::move(bystanders_of(change), std::back_inserter(bystanders));
        for (const auto& instance : next_[i])
            if (std::ranges::find(change.kept, instance) == change.kept.end())
                fresh.push_back(instance);
        const auto services = leaving_services(change);
        for (const auto& instance : change.leaving)
            instance->leave_with(services);
        std::ranges::move(change.leaving, std::back_inserter(leaving));
        change.host->set_settings(change.settings);
    }
    changes_.clear(); // the retirement lets go of the former instances last
    retirement_ = std::make_unique<Retirement>(
        server_, std::move(leaving), std::move(bystanders), bounds_.patience);

    if (hosts_.empty())
        return drain();
    for (const auto& instance : fresh)
        instance->parts().context.admit();
    const auto left = std::make_shared<std::size_t>(hosts_.size()); // shared: by the hosts
    for (std::size_t i = 0; i < hosts_.size(); ++i)
        hosts_[i]->publish(RouteTable::build(std::move(next_[i])), [this, left] {
            if (--*left == 0)
                server_.publish_domains([this] { drain(); });
        });
    switched_(retirement_->leaving());
    // Posted after the tables, so a task that starts sees its own plugin in the table.
    for (const auto& instance : fresh)
        instance->parts().context.commit();
}

void PluginTransaction::drain()
{
    step_ = Step::drain;
    Figures figures;
    for (VirtualHost* host : hosts_) {
        const auto held = host->take_held();
        figures.held += held.count;
        figures.longest = std::max(figures.longest, held.longest);
    }
    retirement_->begin([this, figures]() mutable {
        figures.is_pinned = retirement_->is_pinned();
        // By mail: the retirement is on the stack.
        server_.main_loop().post([this, figures] {
            const Done done = std::move(done_);
            done(figures);
        });
    });
}

}
