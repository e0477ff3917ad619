// The enabled scripts of one host on one loop: who is asked at which bend, and what comes of it.
#pragma once

#include "record.h"
#include "script.h"

#include <nuncio/context.h>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nuncio::lua {

/// What the scripts of all loops of one host share. Made at start, ends with the instance.
struct Common {
    Common(Context& with, Shared::Bounds bounds, Store kept)
        : context(with)
        , shared(bounds)
        , store(std::move(kept))
    {
    }
    Context& context;
    Shared shared;
    Store store;
    std::uint32_t log_lines = 60; ///< of one script in a minute
    Duration await_time = 10s; ///< the longest that one call may wait
    std::atomic<std::uint32_t> timers = 0; ///< armed on all loops
};

/// One enabled script on one loop.
struct Armed {
    std::unique_ptr<Script> script;
    std::shared_ptr<Record> record; // shared: with the other loops, and the next generation
};

/// One event's way past the scripts: what was decided so far, and who is being waited for.
struct Judging {
    Subject subject;
    Stage stage = Stage::normal;
    Verdict verdict;
    std::optional<Stanza> rewritten; ///< what goes on in place of the original
    std::size_t next = 0; ///< in the list of handlers
    Script::Call* waiting = nullptr;
    std::array<std::string, 4> kept {}; ///< what the subject's views point at while it waits
    Element form {};
};

/// What is told of a script on trial: something that it would have done, or what else it said.
enum class Told { act, remark };
/// Any loop.
using Observer = std::function<void(Told told, std::string line)>;

/// Made on the main thread, then used on its loop only.
class Policies final : public World, public std::enable_shared_from_this<Policies> {
public:
    Policies(Common& common, Loop& loop);
    ~Policies() override;

    void add(std::unique_ptr<Script> script, std::shared_ptr<Record> record);
    /// Nothing that these scripts decide is carried out; it is told instead.
    void put_on_trial(Observer observer, std::shared_ptr<Shared> shared)
    {
        observer_ = std::move(observer);
        trial_shared_ = std::move(shared);
    }
    bool is_on_trial() const { return bool(observer_); }
    /// On the loop, in place of `before`: hands nuncio.state over.
    void take_over(Policies* before);

    bool has(Point point, Stage stage) const { return !list(point, stage).empty(); }
    const std::vector<Armed>& scripts() const { return scripts_; }

    /// Asks one after the other until one decides. False: one waits; finish() goes on with it, and
    /// until then `subject` is kept by hold().
    bool judge(Judging& judging);
    /// The stanza moves to `stanza`, and everything else that the subject borrows is copied.
    void hold(Judging& judging, const Stanza* stanza);
    /// Keeps this object alive while it waits; `judging` must live as long.
    task<void> finish(Judging& judging);

    /// Calls the timers' functions that are due.
    void run_due();

    // World
    std::string_view host() const override { return common_.context.host().domain(); }
    TimePoint now() const override { return clock().now(); }
    WallTime wall_time() const override { return clock().wall_time(); }
    Shared& shared() override { return trial_shared_ ? *trial_shared_ : common_.shared; }
    void log(const Script& script, Log::Level level, std::string_view text) override;
    std::string random_id() override { return common_.context.host().random_id(); }
    void start_timer(Script& script, Duration delay, Duration period, int function) override;
    std::optional<Result<Value>> answer(const Request&) override { return {}; }
    bool has_function(std::string_view name) override;

private:
    struct Place {
        std::size_t script;
        const Script::Handler* handler;
    };
    using List = std::vector<Place>;
    struct TimerEntry {
        std::size_t script;
        Duration period;
        int function;
    };

    /// While a script loads that is the main loop, or none yet.
    const Loop& clock() const { return Loop::current() ? *Loop::current() : loop_; }
    const List& list(Point point, Stage stage) const
    {
        return lists_[std::size_t(point)][std::size_t(stage)];
    }
    /// Takes what a call came to; true when that decides.
    bool conclude(Judging& judging, Armed& armed, Script::Call* call, Script::Progress progress);
    bool fail(Judging& judging, Armed& armed, Excess excess, const std::string& text);
    void tell(const Judging& judging, const Script& script, Told told, const std::string& what);
    void tell_of(const Judging& judging, const Script& script, const Script::Call& call,
        const Verdict& verdict, bool is_rewritten);
    task<Result<Value>> answer_to(Request request);
    task<void> race(std::shared_ptr<struct Answering> answering, Request request);
    task<void> run_timer(std::size_t script, int function, bool repeats);
    Armed& armed_of(const Script& script);

    Common& common_;
    Loop& loop_;
    std::vector<Armed> scripts_;
    std::array<std::array<List, 5>, point_count> lists_; ///< by Point, then Stage
    std::multimap<TimePoint, TimerEntry> timers_;
    std::uint32_t loading_lines_ = 0;
    Observer observer_;
    std::shared_ptr<Shared>
        trial_shared_; // shared: by the trial's loops; the real one stays as it is
};

/// The bits of a handler's `wants` that a stanza has.
std::uint8_t wanted_by(const Stanza& stanza);

}
