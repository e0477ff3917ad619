// `nuncioctl trace`: the way of stanzas to and from an address, told while it happens.
#include "trace.h"

#include "loop.h"
#include "server.h"
#include "stanza_outline.h"

#include <algorithm>
#include <cstdio>
#include <deque>

namespace nuncio::kernel {

namespace {

    constexpr std::size_t most_shown = 4096; // of one stanza

    std::string time_of_day(WallTime time)
    {
        using std::chrono::milliseconds;
        const auto day = time - std::chrono::floor<std::chrono::days>(time);
        const auto all = std::chrono::duration_cast<milliseconds>(day).count();
        char text[16];
        std::snprintf(text, sizeof text, "%02d:%02d:%02d.%03d", int(all / 3600000),
            int(all / 60000 % 60), int(all / 1000 % 60), int(all % 1000));
        return text;
    }

    /// One line, whatever a client has sent.
    std::string one_line(std::string text)
    {
        std::ranges::replace_if(
            text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
        return text;
    }

}

struct Trace::Watcher {
    Jid about;
    bool with_bodies = false;
    std::function<bool(std::string_view)> show;
    Completion<bool> ended;
    // Main loop only.
    bool is_over = false;
    std::size_t shown = 0;
    void end()
    {
        if (!std::exchange(is_over, true))
            ended.resolve(true);
    }
    // Under the trace's mutex.
    TimePoint second {};
    std::size_t in_second = 0;
    std::uint64_t left_out = 0;

    bool watches(JidView jid) const
    {
        const JidView mine = about.view();
        if (jid.empty() || jid.domain() != mine.domain())
            return false;
        if (!mine.local().empty() && jid.local() != mine.local())
            return false;
        // What is addressed to the account concerns each of its resources.
        return mine.resource().empty() || jid.resource().empty()
            || jid.resource() == mine.resource();
    }
    bool watches(const Stanza& stanza) const
    {
        return watches(stanza.from()) || watches(stanza.to());
    }
};

Trace::Trace(Server& server)
    : server_(server)
{
}

Trace::~Trace()
{
    watchers_.fetch_sub(watching_.size(), std::memory_order_relaxed);
}

task<Result<Value>> Trace::run(Request request)
{
    auto watcher = std::make_shared<Watcher>();
    watcher->about = std::move(request.about);
    watcher->with_bodies = request.with_bodies;
    watcher->show = std::move(request.show);
    {
        const std::lock_guard lock(mutex_);
        if (watching_.size() >= most_requests)
            co_return Error { "there are " + std::to_string(most_requests)
                    + " traces already; end one of them first",
                Error::Kind::limit };
        watching_.push_back(watcher);
    }
    watchers_.fetch_add(1, std::memory_order_relaxed);
    const Timer timer = server_.main_loop().after(request.time, [watcher] { watcher->end(); });
    co_await watcher->ended;

    std::uint64_t left_out = 0;
    {
        const std::lock_guard lock(mutex_);
        std::erase(watching_, watcher);
        left_out = watcher->left_out;
    }
    watchers_.fetch_sub(1, std::memory_order_relaxed);
    Value answer;
    answer["traced"] = watcher->about.text();
    answer["lines"] = std::uint64_t(watcher->shown);
    answer["left_out"] = left_out;
    co_return answer;
}

void Trace::tell(const Stanza& stanza, std::string_view what)
{
    const KernelLoop* const loop = KernelLoop::current();
    // What a worker tells counts for the second that a loop began.
    const TimePoint now = loop ? loop->now() : TimePoint();
    std::string line; // the same for all who want bodies, and for all who do not
    const std::lock_guard lock(mutex_);
    for (const auto& watcher : watching_) {
        if (!watcher->watches(stanza))
            continue;
        if (now - watcher->second >= 1s) {
            watcher->second = now;
            watcher->in_second = 0;
        }
        if (++watcher->in_second > lines_per_second) {
            if (++watcher->left_out == 1 || watcher->in_second == lines_per_second + 1)
                show(watcher,
                    "… more than " + std::to_string(lines_per_second)
                        + " lines a second: some are left out");
            continue;
        }
        line = time_of_day(server_.main_loop().wall_time());
        line += loop ? " loop " + std::to_string(loop->index()) : " worker";
        line += "  " + std::string(what) + "  ";
        line += watcher->with_bodies ? stanza.xml().substr(0, most_shown)
                                     : std::string(StanzaOutline(stanza).text());
        show(watcher, one_line(std::move(line)));
    }
}

void Trace::show(const std::shared_ptr<Watcher>& watcher, std::string line)
{
    server_.main_loop().post([watcher, line = std::move(line)] {
        if (watcher->is_over)
            return;
        ++watcher->shown;
        if (!watcher->show(line))
            watcher->end();
    });
}

bool Trace::concerns(const Stanza& stanza)
{
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(
        watching_, [&](const auto& watcher) { return watcher->watches(stanza); });
}

void TracedHooks::begin()
{
    // Nothing, if it is nobody's business: the chain is not about what is traced outside of it.
    const bool is_wanted = server_.trace().concerns(stanza_);
    before_ = std::exchange(this_thread.traced, is_wanted ? this : nullptr);
    is_begun_ = true;
}

void TracedHooks::end()
{
    this_thread.traced = before_;
}

void TracedHooks::tell(const Stanza& as_it_was, std::string_view what) const
{
    server_.trace().tell(as_it_was, what);
}

void trace_now(Server& server, const Stanza& stanza, std::string_view what)
{
    server.trace().tell(stanza, what);
}

}
