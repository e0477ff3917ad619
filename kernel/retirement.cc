// Draining and destroying, one step after the other on the main loop.
#include "retirement.h"

#include "server.h"
#include "virtual_host.h"

#include <algorithm>

namespace nuncio::kernel {

namespace {

    constexpr Duration poll_delay = 5ms;
    constexpr Duration pinned_poll_delay = 1s;

    std::string names(const std::vector<std::shared_ptr<PluginInstance>>& instances)
    {
        std::string text;
        for (const auto& instance : instances)
            text += (text.empty() ? "" : ", ") + instance->name() + '@'
                + std::string(instance->host().domain());
        return text;
    }

}

Retirement::Retirement(Server& server, std::vector<std::shared_ptr<PluginInstance>> leaving,
    std::vector<Bystander> bystanders, Duration patience)
    : server_(server)
    , leaving_(std::move(leaving))
    , bystanders_(std::move(bystanders))
    , patience_(patience)
{
}

Retirement::~Retirement()
{
    settled_ = nullptr;
    if (leaving_.empty())
        return;
    if (is_idle()) {
        destroy();
        return;
    }
    // The process ends with something of theirs still waiting: their code must stay. Kept for good
    // and never destroyed; from here, so that a leak checker knows it for kept.
    static auto& kept = *new std::vector<std::shared_ptr<PluginInstance>>();
    std::ranges::move(leaving_, std::back_inserter(kept));
}

void Retirement::begin(std::function<void()> settled)
{
    settled_ = std::move(settled);
    deadline_ = server_.main_loop().now() + patience_;
    if (leaving_.empty())
        return settle();
    // Timers end on the loop where they run. By pointer, so that the last of an instance is here.
    server_.on_every_loop(
        [this](KernelLoop& loop) {
            for (const auto& instance : leaving_) {
                VirtualHost& host = instance->host();
                if (&host.home(host.jid()) == &loop)
                    for (const auto& periodic : instance->registrations().periodics)
                        periodic->timer.cancel();
            }
        },
        // Twice: while slots are cleared, a timer in one that is not cleared yet may fire and fill
        // another. After the first round there is nothing left that starts by itself.
        [this] {
            wait_until_idle([this] {
                // Not before: what is under way may wait for an answer of theirs.
                retire_processes([this] { clear_slots(0, [this] { clear_and_destroy(); }); });
            });
        });
}

void Retirement::clear_and_destroy()
{
    wait_until_idle([this] {
        clear_slots(0, [this] {
            // Each loop has taken a turn since the last lease ended, so that no stack holds a frame
            // of theirs any more: a task may release its lease from above its own callee.
            if (is_idle())
                destroy();
            else
                clear_and_destroy();
        });
    });
}

bool Retirement::is_idle() const
{
    return std::ranges::all_of(leaving_, [](const auto& instance) {
        return instance->leases() == 0;
    }) && std::ranges::all_of(bystanders_, [](const Bystander& bystander) {
        return (bystander.has_new_era ? bystander.instance->former_leases()
                                      : bystander.instance->leases())
            == 0;
    });
}

void Retirement::wait_until_idle(std::function<void()> next)
{
    if (is_idle())
        return next();
    look_again(std::move(next));
}

void Retirement::look_again(std::function<void()> next)
{
    if (!is_pinned_ && server_.main_loop().now() >= deadline_)
        pin();
    timer_ = server_.main_loop().after(
        is_pinned_ ? pinned_poll_delay : poll_delay, [this, next = std::move(next)] {
            // By mail: the timer's job must not replace the timer.
            server_.main_loop().post([this, next] { wait_until_idle(next); });
        });
}

void Retirement::retire_processes(std::function<void()> next)
{
    server_.on_every_loop(
        [this](KernelLoop& loop) {
            for (const auto& instance : leaving_)
                instance->retire_processes(loop);
        },
        std::move(next));
}

void Retirement::clear_slots(std::size_t from, std::function<void()> next)
{
    if (from == leaving_.size())
        return next();
    PluginInstance& instance = *leaving_[from];
    instance.host().clear_slots(instance.registrations().slots,
        [this, from, next = std::move(next)] { clear_slots(from + 1, next); });
}

void Retirement::destroy()
{
    bystanders_.clear();
    while (!leaving_.empty())
        leaving_.pop_back();
    if (is_pinned_)
        server_.log().info("what was left of an unloaded plugin has ended");
    settle();
}

void Retirement::pin()
{
    is_pinned_ = true;
    std::int64_t leases = 0;
    for (const auto& instance : leaving_)
        leases += instance->leases();
    server_.log().warn("{} still has {} tasks under way: nothing reaches it any more, but its code "
                       "stays mapped until they end",
        names(leaving_), leases);
    settle();
}

void Retirement::settle()
{
    if (const auto once = std::exchange(settled_, nullptr))
        once();
}

}
