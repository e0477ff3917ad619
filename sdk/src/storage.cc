// Store: a plugin's view of its host's storage driver.
#include <nuncio/storage.h>

#include <charconv>

namespace nuncio::inline v1 {

namespace {

    using Answers = Result<std::vector<StorageAnswer>>;

    /// Gives the batch's answer to the waiting coroutine; says so when a driver forgets to.
    class Answering {
    public:
        explicit Answering(Completion<Answers> waiting)
            : waiting_(std::move(waiting))
        {
        }
        Answering(Answering&& other) noexcept
            : waiting_(other.waiting_)
            , is_given_(std::exchange(other.is_given_, true))
        {
        }
        ~Answering()
        {
            if (!is_given_)
                waiting_.resolve(
                    Error { "the storage driver gave no answer", Error::Kind::unavailable });
        }
        void operator()(Answers answers)
        {
            if (!std::exchange(is_given_, true))
                waiting_.resolve(std::move(answers));
        }

    private:
        Completion<Answers> waiting_;
        bool is_given_ = false;
    };

    // Free coroutines: their frames own all they use, so that a Store may be a temporary.
    task<Answers> execute(StorageDriver* driver, std::vector<StorageOp> steps)
    {
        if (!driver)
            co_return Error { "this store was never opened: ask Context::store for it",
                Error::Kind::internal };
        const std::size_t expected = steps.size();
        Completion<Answers> done;
        driver->execute(std::move(steps), Answering(done));
        Answers answers = co_await done;
        if (answers && answers->size() != expected)
            co_return Error { "the storage driver answered " + std::to_string(answers->size())
                    + " of " + std::to_string(expected) + " steps",
                Error::Kind::internal };
        co_return answers;
    }

    task<Result<StorageAnswer>> rows(StorageDriver* driver, StorageOp step)
    {
        std::vector<StorageOp> steps;
        steps.push_back(std::move(step));
        Answers answers = co_await execute(driver, std::move(steps));
        if (!answers)
            co_return answers.error();
        co_return std::move(answers->front());
    }

    task<Result<void>> effect(StorageDriver* driver, StorageOp step)
    {
        const auto answer = co_await rows(driver, std::move(step));
        if (!answer)
            co_return answer.error();
        co_return {};
    }

    task<Result<std::optional<std::string>>> first_value(StorageDriver* driver, StorageOp step)
    {
        auto answer = co_await rows(driver, std::move(step));
        if (!answer)
            co_return answer.error();
        if (answer->empty())
            co_return std::optional<std::string>();
        co_return std::optional(std::move(answer->front().value));
    }

    task<Result<std::vector<std::string>>> keys(StorageDriver* driver, StorageOp step)
    {
        auto answer = co_await rows(driver, std::move(step));
        if (!answer)
            co_return answer.error();
        std::vector<std::string> found;
        found.reserve(answer->size());
        for (StorageRow& row : *answer)
            found.push_back(std::move(row.key));
        co_return std::move(found);
    }

    task<Result<std::string>> first_key(StorageDriver* driver, StorageOp step)
    {
        auto answer = co_await rows(driver, std::move(step));
        if (!answer)
            co_return answer.error();
        if (answer->empty())
            co_return Error { "the storage driver answered no row", Error::Kind::internal };
        co_return std::move(answer->front().key);
    }

    task<Result<std::uint64_t>> number(StorageDriver* driver, StorageOp step)
    {
        const auto text = co_await first_key(driver, std::move(step));
        if (!text)
            co_return text.error();
        std::uint64_t count = 0;
        const char* const end = text->data() + text->size();
        if (const auto read = std::from_chars(text->data(), end, count);
            read.ec != std::errc() || read.ptr != end)
            co_return Error { "the storage driver answered a count that is no number",
                Error::Kind::internal };
        co_return count;
    }

}

using Kind = StorageOp::Kind;

task<Result<std::optional<std::string>>> Store::get(std::string owner, std::string key) const
{
    return first_value(driver_, { Kind::get, name_, std::move(owner), std::move(key), {} });
}

task<Result<void>> Store::put(std::string owner, std::string key, std::string value) const
{
    return effect(
        driver_, { Kind::put, name_, std::move(owner), std::move(key), std::move(value) });
}

task<Result<void>> Store::put_unhurried(std::string owner, std::string key, std::string value) const
{
    StorageOp put { Kind::put, name_, std::move(owner), std::move(key), std::move(value) };
    put.is_unhurried = true;
    return effect(driver_, std::move(put));
}

task<Result<void>> Store::remove(std::string owner, std::string key) const
{
    return effect(driver_, { Kind::remove, name_, std::move(owner), std::move(key), {} });
}

task<Result<std::vector<StorageRow>>> Store::list(std::string owner) const
{
    return rows(driver_, { Kind::list, name_, std::move(owner), {}, {} });
}

task<Result<std::vector<std::string>>> Store::owners() const
{
    return keys(driver_, { Kind::owners, name_, {}, {}, {} });
}

task<Result<std::string>> Store::append(
    std::string owner, std::string value, std::int64_t when) const
{
    return first_key(
        driver_, { Kind::append, name_, std::move(owner), {}, std::move(value), when });
}

task<Result<std::vector<StorageRow>>> Store::range(
    std::string owner, std::string after, std::uint32_t limit) const
{
    return rows(driver_, { Kind::range, name_, std::move(owner), std::move(after), {}, 0, limit });
}

task<Result<void>> Store::remove_items(std::string owner, std::string up_to) const
{
    return effect(driver_, { Kind::remove_items, name_, std::move(owner), std::move(up_to), {} });
}

task<Result<std::uint64_t>> Store::count(std::string owner) const
{
    return number(driver_, { Kind::count, name_, std::move(owner), {}, {} });
}

task<Result<void>> Store::expire(std::int64_t before) const
{
    return effect(driver_, { Kind::expire, name_, {}, {}, {}, before });
}

task<Result<std::vector<StorageAnswer>>> Store::batch(std::vector<StorageOp> steps) const
{
    for (StorageOp& step : steps)
        step.store = name_;
    return execute(driver_, std::move(steps));
}

}
