#include "loop_fixture.h"

#include <nuncio/seen_users.h>

#include <deque>
#include <doctest/doctest.h>
#include <map>

using namespace nuncio;
using testing::run_detached;
using testing::SmallLoop;

namespace {

/// Does what it is told when the test lets it.
class HeldStorage final : public StorageDriver {
public:
    void execute(std::vector<StorageOp> batch, Done done) override
    {
        waiting_.push_back({ std::move(batch), std::move(done) });
        ++asked;
    }
    void finish_one()
    {
        auto [batch, done] = std::move(waiting_.front());
        waiting_.pop_front();
        if (is_broken)
            return done(Error { "the disk is full", Error::Kind::unavailable });
        std::vector<StorageAnswer> answers;
        for (const StorageOp& step : batch)
            answers.push_back(carry_out(step));
        done(std::move(answers));
    }
    bool is_waiting() const { return !waiting_.empty(); }

    bool is_broken = false;
    int asked = 0;
    std::map<std::string, std::string> rows;

private:
    StorageAnswer carry_out(const StorageOp& step)
    {
        switch (step.kind) {
        case StorageOp::Kind::put:
            rows[step.key] = step.value;
            return {};
        case StorageOp::Kind::remove:
            rows.erase(step.key);
            return {};
        case StorageOp::Kind::get:
            if (const auto found = rows.find(step.key); found != rows.end())
                return { { found->first, found->second } };
            return {};
        default:
            break;
        }
        StorageAnswer answer;
        for (auto row = rows.upper_bound(step.key); row != rows.end() && answer.size() < step.limit;
             ++row)
            answer.push_back({ row->first, row->second });
        return answer;
    }

    struct Waiting {
        std::vector<StorageOp> batch;
        Done done;
    };
    std::deque<Waiting> waiting_;
};

struct Fixture {
    HeldStorage storage;
    SmallLoop loop;
    SeenUsers users { Store(storage, "accounts"), 2 };

    /// Runs everything to its end.
    void settle()
    {
        loop.run_ready();
        while (storage.is_waiting()) {
            storage.finish_one();
            loop.run_ready();
        }
    }
    /// Begins a task, and puts its answer where the test finds it.
    template <class T>
    std::shared_ptr<std::optional<Result<T>>> begin(task<Result<T>> job)
    {
        auto answer = std::make_shared<std::optional<Result<T>>>(); // shared: with the coroutine
        loop.run([&] { run_detached(keep<T>(std::move(job), answer)); });
        return answer;
    }
    template <class T>
    Result<T> run(task<Result<T>> job)
    {
        const auto answer = begin<T>(std::move(job));
        settle();
        REQUIRE(answer->has_value());
        return **answer;
    }
    bool knows(const std::string& user) { return *run<bool>(users.contains(user)); }

    template <class T>
    static task<void> keep(task<Result<T>> job, std::shared_ptr<std::optional<Result<T>>> answer)
    {
        auto result = co_await job;
        answer->emplace(std::move(result));
    }
};

}

TEST_CASE("whoever has come in once is known, and nobody else")
{
    Fixture here;
    CHECK_FALSE(here.knows("ana"));
    CHECK(here.run<void>(here.users.add("ana")));
    CHECK(here.knows("ana"));
    CHECK_FALSE(here.knows("bob"));
    CHECK(here.storage.rows.size() == 1);
    SeenUsers later(Store(here.storage, "accounts"), 2);
    CHECK(*here.run<bool>(later.contains("ana")));
}

TEST_CASE("from the second time on the storage is not asked, but for who was not seen lately")
{
    Fixture here;
    for (const char* const user : { "a", "b" })
        CHECK(here.run<void>(here.users.add(user)));
    const int asked = here.storage.asked;
    CHECK(here.run<void>(here.users.add("a")));
    CHECK(here.knows("b"));
    CHECK(here.storage.asked == asked);
    CHECK(here.run<void>(here.users.add("c"))); // takes the place of one of them
    CHECK(here.run<void>(here.users.add("a")));
    CHECK(here.knows("a"));
    CHECK(here.storage.asked > asked);
}

TEST_CASE("whoever was removed is unknown until the next time")
{
    Fixture here;
    CHECK(here.run<void>(here.users.add("ana")));
    CHECK(here.run<void>(here.users.remove("ana")));
    CHECK_FALSE(here.knows("ana"));
    CHECK(here.run<void>(here.users.add("ana")));
    CHECK(here.knows("ana"));
}

TEST_CASE("who comes in while being removed is there or not, but the same everywhere")
{
    Fixture here;
    CHECK(here.run<void>(here.users.add("ana")));
    const auto removed = here.begin<void>(here.users.remove("ana"));
    const auto added = here.begin<void>(here.users.add("ana"));
    here.settle();
    REQUIRE(removed->has_value());
    REQUIRE(added->has_value());
    CHECK(here.storage.rows.contains("ana"));
    CHECK(here.knows("ana"));

    SeenUsers empty(Store(here.storage, "accounts"), 2);
    const auto coming = here.begin<void>(empty.add("ana"));
    const auto going = here.begin<void>(empty.remove("ana"));
    here.settle();
    REQUIRE(going->has_value());
    CHECK_FALSE(here.storage.rows.contains("ana"));
    CHECK_FALSE(*here.run<bool>(empty.contains("ana")));
}

TEST_CASE("users are listed by name, so many at a time")
{
    Fixture here;
    for (const char* const user : { "c", "a", "b" })
        CHECK(here.run<void>(here.users.add(user)));
    using Names = std::vector<std::string>;
    CHECK(*here.run<Names>(here.users.list("", 2)) == Names { "a", "b" });
    CHECK(*here.run<Names>(here.users.list("b", 2)) == Names { "c" });
}

TEST_CASE("what the storage cannot do is told, and nothing is believed that was not written")
{
    Fixture here;
    here.storage.is_broken = true;
    CHECK_FALSE(here.run<void>(here.users.add("ana")));
    CHECK_FALSE(here.run<bool>(here.users.contains("ana")));
    here.storage.is_broken = false;
    CHECK_FALSE(here.knows("ana"));
}
