#include "churn.h"

#include "clock.h"

#include <algorithm>

namespace nuncio::bench {

namespace {

    // Before measuring: a server's first logins load what the later ones find in memory.
    constexpr std::uint64_t warm_up_count = 50;

    Goal goal_of(Errand errand)
    {
        switch (errand) {
        case Errand::login:
            return Goal::bound;
        case Errand::register_account:
            return Goal::stream;
        case Errand::handshake:
            return Goal::connected;
        }
        return Goal::bound;
    }

}

Churn::Churn(
    Engine& engine, const Options& options, ScramCache& cache, Report& report, Errand errand)
    : engine_(engine)
    , options_(options)
    , report_(report)
    , errand_(errand)
    , is_in_use_(options.users)
{
    for (std::uint32_t i = 0; i < options.concurrency; ++i) {
        sessions_.push_back(std::make_unique<Session>(engine, options, cache, *this));
        idle_.push_back(sessions_.back().get());
    }
}

void Churn::run(Meter& meter)
{
    // Every account is registered once; logins and handshakes go round.
    const auto count = errand_ == Errand::register_account ? options_.users : options_.count;
    if (errand_ != Errand::register_account)
        run_some(std::min(warm_up_count, count), options_.seconds);
    latency_.clear();
    const auto before = done_;
    meter.begin();
    run_some(count, options_.seconds);
    meter.end();
    report_.units = done_ - before;
    report_.units_in_all = done_;
    report_.sessions = options_.concurrency;
}

void Churn::run_some(std::uint64_t count, double seconds)
{
    to_start_ = started_ + count;
    const auto start = [this](std::uint64_t) -> std::uint64_t {
        start_some();
        return 0;
    };
    const auto all_back
        = [this] { return started_ == to_start_ && idle_.size() == sessions_.size(); };
    if (engine_.run(now_ns() + to_ns(seconds), all_back, start))
        return;
    to_start_ = started_;
    if (errand_ == Errand::register_account)
        report_.add_error("time is up after " + std::to_string(done_) + " accounts");
    if (!engine_.run(now_ns() + to_ns(options_.grace), all_back))
        report_.add_error(std::to_string(sessions_.size() - idle_.size()) + " sessions hang");
}

void Churn::start_some()
{
    while (started_ < to_start_ && !idle_.empty() && report_.error_count == 0) {
        const auto index = next_account();
        if (!index)
            break;
        auto* const session = idle_.back();
        idle_.pop_back();
        is_in_use_[*index] = true;
        ++started_;
        session->start(options_.first + *index, goal_of(errand_));
    }
    if (report_.error_count != 0)
        to_start_ = started_;
}

// The next one in turn whose former session is over: two with one resource would replace each
// other.
std::optional<std::uint32_t> Churn::next_account()
{
    for (std::uint32_t tried = 0; tried < options_.users; ++tried) {
        const auto index = next_account_;
        next_account_ = (next_account_ + 1) % options_.users;
        if (!is_in_use_[index])
            return index;
    }
    return std::nullopt;
}

void Churn::on_ready(Session& session)
{
    if (errand_ != Errand::register_account) {
        finished(session);
        return;
    }
    session.send("<iq type='set' id='register'><query xmlns='jabber:iq:register'><username>"
        + session.user() + "</username><password>" + options_.password
        + "</password></query></iq>");
}

void Churn::on_stanza(Session& session, std::string_view stanza)
{
    if (errand_ != Errand::register_account || attribute(stanza, "id") != "register")
        return;
    // An account of an earlier run is as good as a new one.
    if (attribute(stanza, "type") != "result" && !contains(stanza, "<conflict"))
        report_.add_error(session.user() + ": " + std::string(stanza.substr(0, 300)));
    finished(session);
}

void Churn::finished(Session& session)
{
    latency_.record(now_ns() - session.started_at());
    ++done_;
    session.end();
}

void Churn::on_ended(Session& session, std::string_view why)
{
    idle_.push_back(&session);
    is_in_use_[session.number() - options_.first] = false;
    if (!why.empty())
        report_.add_error(session.user() + ": " + std::string(why));
}

}
