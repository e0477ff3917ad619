// `nuncioctl trace`: the way of stanzas to and from an address, told while it happens.
#pragma once

#include "thread_activity.h"

#include <nuncio/stanza.h>
#include <nuncio/task.h>
#include <nuncio/value.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

class Server;

/// Who watches which address. While nobody does, all that is left of it is one look at a flag.
class Trace {
public:
    struct Request {
        Jid about; ///< a full JID: that resource alone; a domain: all of it
        bool with_bodies = false; ///< the stanzas as they are
        Duration time = 60s;
        /// Main loop. False: whoever listened has gone.
        std::function<bool(std::string_view line)> show;
    };
    static constexpr std::size_t most_requests = 8;
    static constexpr std::size_t lines_per_second = 500; ///< of one request

    explicit Trace(Server& server);
    ~Trace();

    static bool is_on() { return watchers_.load(std::memory_order_relaxed) != 0; }

    /// Main thread: runs until its time is over or nobody listens. How many lines were shown.
    task<Result<Value>> run(Request request);

    /// Any thread: tells those who watch one of its addresses what becomes of a stanza.
    void tell(const Stanza& stanza, std::string_view what);
    bool concerns(const Stanza& stanza);

private:
    struct Watcher;
    void show(const std::shared_ptr<Watcher>& watcher, std::string line);

    static inline std::atomic<std::size_t> watchers_ = 0; // of all servers: a flag on hot paths
    Server& server_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<Watcher>>
        watching_; // guarded; shared: with letters to the main loop
};

/// The next chain of hooks that this thread runs while it lives is about `stanza`: for who traces
/// it, and for who asks what a thread is busy with.
class TracedHooks {
public:
    TracedHooks(Server& server, std::string_view hook, const Stanza& stanza)
        : server_(server)
        , hook_(hook)
        , stanza_(stanza)
        , handling_(stanza)
    {
        if (Trace::is_on()) [[unlikely]]
            begin();
    }
    ~TracedHooks()
    {
        if (is_begun_) [[unlikely]]
            end();
    }
    TracedHooks(const TracedHooks&) = delete;
    TracedHooks& operator=(const TracedHooks&) = delete;

    std::string_view hook() const { return hook_; }
    const Stanza& stanza() const { return stanza_; }
    void tell(const Stanza& as_it_was, std::string_view what) const;

private:
    void begin();
    void end();

    Server& server_;
    std::string_view hook_;
    const Stanza& stanza_;
    const Handling handling_;
    const TracedHooks* before_ = nullptr;
    bool is_begun_ = false;
};

void trace_now(Server& server, const Stanza& stanza, std::string_view what);

/// Says of a stanza what becomes of it, if anybody wants to know.
inline void trace(Server& server, const Stanza& stanza, std::string_view what)
{
    if (Trace::is_on()) [[unlikely]]
        trace_now(server, stanza, what);
}

}
