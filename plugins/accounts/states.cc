#include "states.h"

#include <nuncio/value.h>

#include <algorithm>

namespace nuncio::accounts {

namespace {

    constexpr std::uint32_t page = 1000;

    std::string to_text(const Disabled& state)
    {
        Value value;
        value["since"] = state.since;
        value["reason"] = state.reason;
        return value.json();
    }

    /// What cannot be read switches off all the same: somebody wanted it.
    Disabled from_text(std::string_view text)
    {
        Disabled state;
        const auto value = Value::parse_json(text);
        if (!value)
            return state;
        if (const Value* since = value->find("since"))
            state.since = since->as_integer();
        if (const Value* reason = value->find("reason"))
            state.reason = reason->as_string();
        return state;
    }

    Error refusal()
    {
        return { "the account is disabled", Error::Kind::disabled };
    }

}

task<Result<void>> States::load()
{
    std::unordered_map<std::string, Disabled> found;
    std::string after;
    for (bool is_last = false; !is_last;) {
        std::vector<StorageOp> steps(1);
        steps[0] = { .kind = StorageOp::Kind::list, .key = after, .limit = page };
        auto answers = co_await store_.batch(std::move(steps));
        if (!answers) {
            const Error error { answers.error().text, Error::Kind::unavailable };
            std::vector<Waiting> waiting;
            {
                const std::lock_guard lock(mutex_);
                waiting.swap(waiting_);
            }
            for (const Waiting& one : waiting)
                one.answer.resolve(error);
            co_return error;
        }
        for (StorageRow& row : answers->front()) {
            after = row.key;
            found.emplace(std::move(row.key), from_text(row.value));
        }
        is_last = answers->front().size() < page;
    }
    std::vector<Waiting> waiting;
    {
        const std::lock_guard lock(mutex_);
        disabled_ = std::move(found);
        is_loaded_ = true;
        waiting.swap(waiting_);
    }
    for (const Waiting& one : waiting)
        one.answer.resolve(find(one.user) ? std::optional(refusal()) : std::nullopt);
    co_return Result<void>();
}

bool States::is_loaded() const
{
    const std::lock_guard lock(mutex_);
    return is_loaded_;
}

std::optional<Completion<std::optional<Error>>> States::objection(std::string_view user)
{
    const std::lock_guard lock(mutex_);
    if (is_loaded_ && disabled_.empty())
        return {};
    const std::string name(user);
    if (is_loaded_ && !disabled_.contains(name))
        return {};
    const Completion<std::optional<Error>> answer;
    if (is_loaded_)
        answer.resolve(refusal());
    else
        waiting_.push_back({ name, answer });
    return answer;
}

std::optional<Disabled> States::find(std::string_view user) const
{
    const std::lock_guard lock(mutex_);
    if (disabled_.empty())
        return {};
    const auto found = disabled_.find(std::string(user));
    return found == disabled_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> States::list(std::string_view after, std::size_t limit) const
{
    std::vector<std::string> users;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [user, state] : disabled_)
            if (user > after)
                users.push_back(user);
    }
    std::ranges::sort(users);
    users.resize(std::min(users.size(), limit));
    return users;
}

std::size_t States::count() const
{
    const std::lock_guard lock(mutex_);
    return disabled_.size();
}

task<Result<void>> States::disable(std::string user, Disabled state)
{
    const auto kept = co_await store_.put({}, user, to_text(state));
    if (!kept)
        co_return kept.error();
    const std::lock_guard lock(mutex_);
    disabled_.insert_or_assign(std::move(user), std::move(state));
    co_return Result<void>();
}

task<Result<void>> States::enable(std::string user)
{
    if (!find(user))
        co_return Error { "the account " + user + " is not disabled", Error::Kind::not_found };
    const auto removed = co_await store_.remove({}, user);
    if (!removed)
        co_return removed.error();
    const std::lock_guard lock(mutex_);
    disabled_.erase(user);
    co_return Result<void>();
}

}
