#include "service.h"

#include <chrono>
#include <utility>

namespace nuncio::http {

namespace {

    using Clock = std::chrono::steady_clock; // a lane has no loop's clock

    bool speaks_of_account(const Error& error)
    {
        return error.kind == Error::Kind::disabled || error.kind == Error::Kind::expired;
    }

}

Service::Service(const Settings& settings, Rules rules, Log& log)
    : settings_(settings)
    , rules_(std::move(rules))
    , log_(log)
    , servers_(settings.urls, settings.server_rest)
{
}

Result<std::unique_ptr<Link>> Service::connect() const
{
    std::string authorization;
    if (rules_.has_credentials) {
        auto credentials = read_credentials(settings_);
        if (!credentials)
            return credentials.error();
        authorization = *std::move(credentials);
    }
    return Link::create(settings_, std::move(authorization));
}

Result<Outcome> Service::ask(Link& link, const Question& question)
{
    std::string failures;
    auto kind = Error::Kind::unavailable;
    const auto began = Clock::now();
    for (const std::size_t server : servers_.order(began)) {
        // Whoever waited has gone by then; the thread is for those who come after.
        if (!failures.empty() && Clock::now() - began > settings_.timeout)
            break;
        const auto outcome = ask_one(link, server, question);
        if (outcome || speaks_of_account(outcome.error())
            || outcome.error().kind == Error::Kind::refused) {
            if (outcome)
                note({});
            return outcome;
        }
        failures += (failures.empty() ? "" : "; ") + outcome.error().text;
        // One of them is there, so nobody is to be left alone.
        if (outcome.error().kind != Error::Kind::unavailable)
            kind = Error::Kind::internal;
        // An account must not be made at one address after another may have made it.
        if (question.operation == Operation::register_user && link.was_sent())
            return Error { failures, Error::Kind::internal };
    }
    return Error { failures, kind };
}

Result<Outcome> Service::ask_one(Link& link, std::size_t server, const Question& question)
{
    const std::string& url = servers_.url(server);
    const auto request = make_request(rules_, url, question);
    if (!request)
        return request.error();
    const auto answer = link.exchange(*request);
    ++requests_;
    if (link.was_new())
        ++connects_;
    const auto outcome = answer ? read_answer(rules_, question.operation, *answer)
                                : Result<Outcome>(answer.error());
    if (outcome || speaks_of_account(outcome.error())) {
        if (servers_.worked(server))
            log_.info("{} can be used again", url);
        return outcome;
    }
    Error error = outcome.error();
    if (error.kind == Error::Kind::unavailable) {
        if (servers_.failed(server, Clock::now(), error.text))
            log_.warn("{} cannot be used: {}", url, error.text);
    } else {
        // It may be about this user alone (a service that fails on some name), so neither the
        // address nor the whole service is given up for it.
        note(url + ": " + std::string(to_text(question.operation)) + ": " + error.text);
    }
    return Error { url + ": " + error.text, error.kind };
}

/// Tells what changes, not what goes on.
void Service::note(const std::string& trouble)
{
    {
        const std::lock_guard lock(mutex_);
        if (trouble == trouble_)
            return;
        trouble_ = trouble;
    }
    if (!trouble.empty())
        log_.warn("{}", trouble);
}

void Service::add_health(Value& table) const
{
    table["servers"] = servers_.health();
    table["requests"] = requests_.load();
    table["connects"] = connects_.load();
    const std::lock_guard lock(mutex_);
    if (!trouble_.empty())
        table["last_odd_answer"] = trouble_;
}

}
