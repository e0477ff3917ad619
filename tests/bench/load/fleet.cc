#include "fleet.h"

#include "clock.h"

namespace nuncio::bench {

namespace {

    constexpr std::string_view settle_id = "settle";
    constexpr std::uint64_t quiet = ns_per_second * 3 / 10;
    constexpr double settle_seconds = 60;
    constexpr double closing_seconds = 10;

}

Fleet::Fleet(Engine& engine, const Options& options, ScramCache& cache, Report& report)
    : engine_(engine)
    , options_(options)
    , cache_(cache)
    , report_(report)
{
}

void Fleet::bring_up(Goal goal, Guide& guide)
{
    guide_ = &guide;
    sessions_.reserve(options_.users);
    for (std::uint32_t i = 0; i < options_.users; ++i)
        sessions_.push_back(std::make_unique<Session>(engine_, options_, cache_, *this));

    std::size_t started = 0;
    const auto start_some = [&](std::uint64_t) -> std::uint64_t {
        while (started < sessions_.size() && started - ready_ < options_.concurrency
            && report_.error_count == 0) {
            sessions_[started]->start(options_.first + static_cast<std::uint32_t>(started), goal);
            ++started;
        }
        return 0;
    };
    const bool in_time = engine_.run(
        now_ns() + to_ns(options_.setup_seconds),
        [&] { return ready_ == sessions_.size() || report_.error_count != 0; }, start_some);
    report_.sessions = static_cast<std::uint32_t>(ready_);
    if (report_.error_count != 0)
        throw SetupError("a session could not be set up: " + report_.errors.front());
    if (!in_time)
        throw SetupError(std::to_string(ready_) + " of " + std::to_string(sessions_.size())
            + " sessions were ready in " + std::to_string(options_.setup_seconds) + " s");
}

void Fleet::settle()
{
    settled_ = 0;
    for (auto& session : sessions_)
        session->send("<iq type='get' id='" + std::string(settle_id) + "' to='" + options_.domain
            + "'><ping xmlns='urn:xmpp:ping'/></iq>");
    const auto deadline = now_ns() + to_ns(settle_seconds);
    if (!engine_.run(deadline, [&] { return settled_ == sessions_.size() || ended_ != 0; }))
        throw SetupError(
            "pings after the logins were not answered in " + std::to_string(settle_seconds) + " s");
    engine_.settle(quiet, deadline);
}

void Fleet::take_down()
{
    for (auto& session : sessions_)
        session->end();
    engine_.run(now_ns() + to_ns(closing_seconds), [&] { return ended_ >= sessions_.size(); });
}

void Fleet::on_ready(Session&)
{
    ++ready_;
}

void Fleet::on_stanza(Session& session, std::string_view stanza)
{
    if (settled_ < sessions_.size() && has_name(stanza, "iq")
        && attribute(stanza, "id") == settle_id) [[unlikely]] {
        ++settled_;
        return;
    }
    guide_->on_stanza(session, stanza);
}

void Fleet::on_ended(Session& session, std::string_view why)
{
    ++ended_;
    if (!why.empty())
        report_.add_error(session.user() + ": " + std::string(why));
}

void answer_request(Session& session, std::string_view stanza)
{
    if (!has_name(stanza, "iq"))
        return;
    const auto type = attribute(stanza, "type");
    if (type != "get" && type != "set")
        return;
    std::string answer = "<iq type='result' id='" + std::string(attribute(stanza, "id")) + "'";
    const auto from = attribute(stanza, "from");
    if (!from.empty())
        answer += " to='" + std::string(from) + "'";
    session.send(answer + "/>");
}

}
