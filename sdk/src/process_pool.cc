#include <nuncio/port_protocol.h>
#include <nuncio/process_pool.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace nuncio::inline v1 {

namespace {

    constexpr std::uint32_t most_processes = 64;
    // Of a line on stderr: what is looked through for secrets, and what the log shows of it.
    constexpr std::size_t kept_line = 8192;
    constexpr std::size_t shown_line = 1000;
    // Lines of the processes that a log bears: so many at once, and then one a second.
    constexpr std::uint32_t log_burst = 20;
    constexpr Duration log_gap = 1s;

    using Code = Result<std::uint16_t>;

    /// How one attempt went.
    struct Outcome {
        Code code;
        bool has_ended = false; ///< the process did, without a word: another one may be asked
    };

    Error unavailable(std::string text)
    {
        return Error { std::move(text), Error::Kind::unavailable };
    }

    /// How many log lines may be written.
    class LogAllowance {
    public:
        /// How many were refused before this one; no value when this one is refused, too.
        std::optional<std::uint64_t> take(TimePoint now)
        {
            const auto gained = static_cast<std::uint64_t>((now - filled_) / log_gap);
            if (gained > 0) {
                left_ = static_cast<std::uint32_t>(
                    std::min<std::uint64_t>(log_burst, left_ + gained));
                filled_ = now;
            }
            if (left_ == 0) {
                ++refused_;
                return std::nullopt;
            }
            --left_;
            return std::exchange(refused_, 0);
        }

    private:
        std::uint32_t left_ = log_burst;
        TimePoint filled_ {};
        std::uint64_t refused_ = 0;
    };

    std::string in_seconds(Duration duration)
    {
        const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
        return count % 1000 == 0 ? std::to_string(count / 1000) + " s"
                                 : std::to_string(count) + " ms";
    }

}

/// All of it happens on the host's home loop, except what the mutex guards. A request holds a lease
/// until it is over (it is a task of its own), so that none is left when the pool ends.
class ProcessPool::State {
public:
    State(Context& context, ProcessPoolOptions options)
        : context_(context)
        , options_(std::move(options))
        , home_(context.host().home(context.host().jid()))
        , breaker_(options_.breaker)
    {
        const auto count = std::clamp(options_.processes, 1U, most_processes);
        for (std::uint32_t i = 0; i < count; ++i)
            seats_.push_back(std::make_unique<Seat>(*this));
        publish();
        context_.spawn(begin());
    }

    Loop& home() const { return home_; }

    /// On the home loop.
    void serve(std::string packet, ProcessRequest request, Completion<Code> done)
    {
        context_.spawn(serve_to_end(std::move(packet), std::move(request), std::move(done)));
    }

    Value health() const
    {
        Value table;
        const std::lock_guard lock(mutex_);
        table["state"]
            = figures_.problem.empty() && breaker_.last_error().empty() ? "ok" : "failing";
        table["processes"] = figures_.running;
        table["busy"] = figures_.busy;
        table["waiting"] = figures_.waiting;
        table["answered"] = figures_.answered;
        table["failed"] = figures_.failed;
        if (const std::string& error
            = figures_.problem.empty() ? breaker_.last_error() : figures_.problem;
            !error.empty())
            table["last_error"] = error;
        return table;
    }

private:
    /// A request on its way. Lives in the frame of its task.
    struct Waiting {
        std::string packet;
        std::string secret;
        Completion<Outcome> outcome;
    };

    /// A place for a process, and what it is doing.
    struct Seat {
        explicit Seat(State& pool)
            : answer(pool.options_.codes)
        {
            ProcessEvents events;
            events.started = [&pool, this] { pool.on_started(*this); };
            events.output = [&pool, this](std::string_view bytes) { pool.on_output(*this, bytes); };
            events.errors = [&pool, this](std::string_view bytes) { pool.on_errors(*this, bytes); };
            events.ended = [&pool, this](const ProcessEnd& end) { pool.on_ended(*this, end); };
            process = pool.context_.process(pool.home_, pool.options_.process, std::move(events));
        }

        enum class Stage {
            off, ///< not started yet, or not again
            probing, ///< runs, and has to show that it answers
            idle,
            busy,
            ending, ///< was told to, and serves nobody
        };
        Stage stage = Stage::off;
        bool has_served = false; ///< answered since it was started
        std::uint32_t failures = 0; ///< lives in a row in which it answered nothing
        Waiting* asking = nullptr; ///< who waits for its answer
        PortAnswer answer;
        std::string secret; ///< of the latest request
        std::string line; ///< of stderr, as much as is kept of it
        std::string last_line; ///< the latest that was not withheld
        std::unique_ptr<Process> process; // last: its events use all of the above
    };
    using Stage = Seat::Stage;

    task<void> begin()
    {
        for (const auto& seat : seats_)
            seat->process->start();
        co_return;
    }

    // Requests

    task<void> serve_to_end(std::string packet, ProcessRequest request, Completion<Code> done)
    {
        auto call = breaker_.admit(home_.now());
        if (!call) {
            done.resolve(call.error());
            co_return;
        }
        Code code = co_await attempts(std::move(packet), std::move(request));
        if (code)
            call->succeeded();
        else if (code.error().kind == Error::Kind::unavailable)
            call->failed(home_.now(), code.error().text);
        done.resolve(std::move(code));
    }

    task<Code> attempts(std::string packet, ProcessRequest request)
    {
        Waiting waiting { std::move(packet), std::move(request.secret), {} };
        Function<void()> too_late = [this, &waiting] { give_up(waiting); };
        const Timer timer = home_.after(options_.timeout, std::move(too_late));
        for (bool is_first = true;; is_first = false) {
            if (!may_serve())
                co_return unavailable(problem_);
            if (queue_.size() >= options_.queue)
                co_return Error { "too many are waiting for a process already",
                    Error::Kind::limit };
            queue_.push_back(&waiting);
            dispatch();
            Outcome outcome = co_await waiting.outcome;
            if (!outcome.has_ended || !request.may_repeat || !is_first)
                co_return std::move(outcome.code);
            // It may have fired while this was on its way back: nobody would end a second wait.
            if (!timer.is_active())
                co_return std::move(outcome.code);
            waiting.outcome = {};
        }
    }

    /// Somebody may answer, now or when it has been started for the first time or anew.
    bool may_serve() const
    {
        return std::ranges::any_of(seats_, [](const auto& seat) {
            return seat->failures == 0 || seat->stage == Stage::idle || seat->stage == Stage::busy;
        });
    }

    void dispatch()
    {
        for (const auto& seat : seats_) {
            if (queue_.empty())
                break;
            if (seat->stage != Stage::idle)
                continue;
            Waiting& next = *queue_.front();
            queue_.pop_front();
            ask(*seat, next, Stage::busy);
        }
        publish();
    }

    void ask(Seat& seat, Waiting& waiting, Stage stage)
    {
        seat.stage = stage;
        seat.asking = &waiting;
        seat.secret = waiting.secret;
        seat.answer.reset();
        // When that fails it has closed its stdin, and is about to end, or hears of it in time.
        (void)seat.process->write(waiting.packet);
    }

    void give_up(Waiting& waiting)
    {
        const auto queued = std::ranges::find(queue_, &waiting);
        if (queued != queue_.end()) {
            queue_.erase(queued);
            waiting.outcome.resolve({ unavailable("no process was free within "
                + in_seconds(options_.timeout) + ": all were busy") });
            return publish();
        }
        for (const auto& seat : seats_)
            if (seat->asking == &waiting)
                return misbehaved(*seat,
                    "gave no answer within " + in_seconds(options_.timeout)
                        + ": it must write each answer at once (flush), and what it asks itself "
                          "must answer in time");
    }

    // What becomes of a process

    task<void> probe(Seat& seat)
    {
        auto packet = make_port_packet(options_.probe);
        if (!packet)
            co_return;
        Waiting waiting { *std::move(packet), {}, {} };
        Function<void()> too_late = [this, &waiting] { give_up(waiting); };
        const Timer timer = home_.after(options_.timeout, std::move(too_late));
        ask(seat, waiting, Stage::probing);
        publish();
        const Outcome outcome = co_await waiting.outcome;
        (void)outcome; // what it means was dealt with where it came from
    }

    void on_started(Seat& seat)
    {
        seat.has_served = false;
        seat.last_line.clear();
        if (!options_.probe.empty())
            return context_.spawn(probe(seat));
        seat.stage = Stage::idle;
        dispatch();
    }

    void on_output(Seat& seat, std::string_view bytes)
    {
        if (seat.stage == Stage::ending)
            return;
        if (!seat.asking)
            return misbehaved(seat, "wrote to its stdout without being asked");
        const auto code = seat.answer.read(bytes);
        if (!code)
            return misbehaved(
                seat, code.error().text + "; nothing else may be written to its stdout");
        if (!*code)
            return;
        if (!std::exchange(seat.has_served, true) && seat.stage == Stage::probing)
            is_well();
        seat.failures = 0;
        ++answered_;
        seat.stage = Stage::idle;
        std::exchange(seat.asking, nullptr)->outcome.resolve({ **code });
        dispatch();
    }

    /// It is ended, and who waits for it hears why.
    void misbehaved(Seat& seat, const std::string& what)
    {
        give_bad_news(seat, what, false);
        seat.stage = Stage::ending;
        seat.process->kill();
        settle();
    }

    void on_ended(Seat& seat, const ProcessEnd& end)
    {
        finish_line(seat);
        if (end.failure && end.failure->kind == Error::Kind::refused)
            return give_up_for_good(seat, *end.failure);
        if (seat.stage != Stage::ending) {
            std::string what = end.text();
            if (!end.failure && !seat.has_served)
                what += " before it had answered anything: it must read requests from its stdin "
                        "in a loop";
            if (end.status == 127)
                what += "; 127 says that a program was not found";
            give_bad_news(seat, what, true);
        }
        seat.secret.clear();
        if (!seat.has_served)
            seat.failures = std::min(seat.failures + 1, 31U);
        seat.stage = Stage::off;
        const bool left_in_peace = seat.has_served && end.status == 0 && end.signal == 0;
        seat.process->start(left_in_peace ? Duration() : rest_of(seat));
        settle();
    }

    /// In the test kit there are no processes: that is nobody's fault, and will not change.
    void give_up_for_good(Seat& seat, const Error& why)
    {
        seat.failures = 1;
        problem_ = name() + ": " + why.text;
        context_.log().info("{}", problem_);
        settle();
    }

    Duration rest_of(const Seat& seat) const
    {
        Duration rest = options_.first_rest;
        for (std::uint32_t i = 1; i < seat.failures && rest < options_.longest_rest; ++i)
            rest *= 2;
        return std::min(rest, options_.longest_rest);
    }

    void give_bad_news(Seat& seat, const std::string& what, bool has_ended)
    {
        // What keeps a program from being started begins with its name already.
        std::string text = what.starts_with(name()) ? what : name() + ": " + what;
        if (!seat.last_line.empty())
            text += "; the last that it wrote to its stderr: " + seat.last_line;
        ++failed_;
        Waiting* const asking = std::exchange(seat.asking, nullptr);
        if (seat.has_served)
            write(Log::Level::warn, text);
        else
            is_unwell(text);
        if (asking)
            asking->outcome.resolve({ unavailable(std::move(text)), has_ended });
    }

    /// Nobody waits for processes of which none can be expected to answer.
    void settle()
    {
        if (!may_serve())
            for (Waiting* const waiting : std::exchange(queue_, {}))
                waiting->outcome.resolve({ unavailable(problem_) });
        publish();
    }

    const std::string& name() const { return options_.process.command.front(); }

    // What the administrator hears

    void is_unwell(const std::string& text)
    {
        if (std::exchange(problem_, text) != text)
            write(Log::Level::error, text);
    }

    void is_well()
    {
        breaker_.recovered();
        if (!std::exchange(problem_, {}).empty())
            context_.log().info("{} answers", name());
    }

    void on_errors(Seat& seat, std::string_view bytes)
    {
        while (!bytes.empty()) {
            const auto end = std::min(bytes.find('\n'), bytes.size());
            const auto room = kept_line - std::min(kept_line, seat.line.size());
            seat.line += bytes.substr(0, std::min(end, room));
            if (end == bytes.size())
                return;
            bytes.remove_prefix(end + 1);
            finish_line(seat);
        }
    }

    void finish_line(Seat& seat)
    {
        std::string line = std::exchange(seat.line, {});
        if (line.empty())
            return;
        const bool tells = !seat.secret.empty() && line.find(seat.secret) != line.npos;
        if (line.size() > shown_line)
            line = line.substr(0, shown_line) + "…";
        if (tells)
            line = "(a line with the password in it is withheld)";
        else
            seat.last_line = line;
        write(Log::Level::warn, name() + " says: " + line);
    }

    void write(Log::Level level, const std::string& line)
    {
        const auto refused = allowance_.take(home_.now());
        if (!refused)
            return;
        if (*refused > 0)
            context_.log().warn("{}: {} lines were left out", name(), *refused);
        context_.log().write(level, line);
    }

    void publish()
    {
        Figures figures {
            .waiting = queue_.size(), .answered = answered_, .failed = failed_, .problem = problem_
        };
        for (const auto& seat : seats_) {
            figures.running += seat->process->id() != 0;
            figures.busy += seat->stage == Stage::busy;
        }
        const std::lock_guard lock(mutex_);
        figures_ = std::move(figures);
    }

    struct Figures {
        std::uint64_t running = 0;
        std::uint64_t busy = 0;
        std::uint64_t waiting = 0;
        std::uint64_t answered = 0;
        std::uint64_t failed = 0;
        std::string problem {};
    };

    Context& context_;
    const ProcessPoolOptions options_;
    Loop& home_;
    CircuitBreaker breaker_;
    std::deque<Waiting*> queue_;
    std::string problem_; // why processes that were started last did not come to serve
    LogAllowance allowance_;
    std::uint64_t answered_ = 0;
    std::uint64_t failed_ = 0;
    mutable std::mutex mutex_;
    Figures figures_; // guarded
    std::vector<std::unique_ptr<Seat>> seats_; // last: see Seat::process
};

ProcessPool::ProcessPool(Context& context, ProcessPoolOptions options)
    : state_(std::make_unique<State>(context, std::move(options)))
{
}

ProcessPool::~ProcessPool() = default;

task<Result<std::uint16_t>> ProcessPool::ask(ProcessRequest request)
{
    auto packet = make_port_packet(request.payload);
    if (!packet)
        co_return packet.error();
    Completion<Code> done;
    Function<void()> job
        = [state = state_.get(), packet = *std::move(packet), request = std::move(request),
              done]() mutable { state->serve(std::move(packet), std::move(request), done); };
    state_->home().post(std::move(job));
    Code code = co_await done;
    co_return code;
}

Value ProcessPool::health() const
{
    return state_->health();
}

}
