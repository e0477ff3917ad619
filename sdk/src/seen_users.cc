#include <nuncio/seen_users.h>

#include <utility>

namespace nuncio::inline v1 {

namespace {

    /// What stands beside a name; a later version may have something to tell here.
    constexpr std::string_view seen = "1";

}

SeenUsers::SeenUsers(Store store, std::size_t cached)
    : store_(std::move(store))
    , cached_(cached)
{
}

task<Result<bool>> SeenUsers::contains(std::string user)
{
    if (is_cached(user))
        co_return true;
    const auto turn = co_await turns_.take(user);
    const auto value = co_await store_.get({}, user);
    if (!value)
        co_return value.error();
    if (*value)
        cache(user);
    co_return value->has_value();
}

task<Result<void>> SeenUsers::add(std::string user)
{
    if (is_cached(user))
        co_return {};
    const auto turn = co_await turns_.take(user);
    const auto known = co_await store_.get({}, user);
    if (!known)
        co_return known.error();
    if (!*known) {
        const auto written = co_await store_.put({}, user, std::string(seen));
        if (!written)
            co_return written.error();
    }
    cache(user);
    co_return {};
}

task<Result<void>> SeenUsers::remove(std::string user)
{
    const auto turn = co_await turns_.take(user);
    {
        const std::lock_guard lock(mutex_);
        cached_.erase(user);
    }
    const auto removed = co_await store_.remove({}, user);
    co_return removed;
}

task<Result<std::vector<std::string>>> SeenUsers::list(std::string after, std::uint32_t limit) const
{
    std::vector<StorageOp> steps(1);
    steps[0] = { .kind = StorageOp::Kind::list, .key = std::move(after), .limit = limit };
    auto answers = co_await store_.batch(std::move(steps));
    if (!answers)
        co_return answers.error();
    std::vector<std::string> users;
    for (StorageRow& row : answers->front())
        users.push_back(std::move(row.key));
    co_return users;
}

bool SeenUsers::is_cached(const std::string& user)
{
    const std::lock_guard lock(mutex_);
    return cached_.find(user) != nullptr;
}

void SeenUsers::cache(const std::string& user)
{
    const std::lock_guard lock(mutex_);
    cached_.insert(user, true);
}

}
