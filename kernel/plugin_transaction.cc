// The steps of a change, each of which calls the next.
#include "plugin_transaction.h"

#include "context.h"
#include "generation.h"
#include "server.h"
#include "virtual_host.h"

#include <algorithm>

namespace nuncio::kernel {

namespace {

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
    if (auto built = build(); !built)
        return fail(built.error());
    change_over();
}

Result<void> PluginTransaction::build()
{
    for (const HostChange& change : changes_) {
        auto built = build_instances(change, OnFailure::give_up, pool_);
        if (!built)
            return built.error();
        next_.push_back(std::move(*built));
    }
    return {};
}

void PluginTransaction::fail(const Error& error)
{
    // Newest first, and of them those that started last.
    while (!next_.empty()) {
        while (!next_.back().empty())
            next_.back().pop_back();
        next_.pop_back();
    }
    changes_.clear();
    const Done done = std::move(done_);
    done(error);
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
    std::vector<VirtualHost*> hosts;
    for (std::size_t i = 0; i < changes_.size(); ++i) {
        HostChange& change = changes_[i];
        std::ranges::move(bystanders_of(change), std::back_inserter(bystanders));
        for (const auto& instance : next_[i])
            if (std::ranges::find(change.kept, instance) == change.kept.end())
                fresh.push_back(instance);
        std::ranges::move(change.leaving, std::back_inserter(leaving));
        change.host->set_settings(change.settings);
        hosts.push_back(change.host);
    }
    changes_.clear(); // the retirement lets go of the former instances last
    retirement_ = std::make_unique<Retirement>(
        server_, std::move(leaving), std::move(bystanders), bounds_.patience);

    if (hosts.empty())
        return drain();
    const auto left = std::make_shared<std::size_t>(hosts.size()); // shared: by the hosts
    for (std::size_t i = 0; i < hosts.size(); ++i)
        hosts[i]->publish(RouteTable::build(std::move(next_[i])), [this, left] {
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
    retirement_->begin([this] {
        // By mail: the retirement is on the stack.
        server_.main_loop().post([this] {
            const Done done = std::move(done_);
            done(Figures { .is_pinned = retirement_->is_pinned() });
        });
    });
}

}
