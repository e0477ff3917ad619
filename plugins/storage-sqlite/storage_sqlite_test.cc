#include "writer.h"

#include <nuncio/temporary_folder.h>

#include <atomic>
#include <cstdio>
#include <doctest/doctest.h>
#include <future>

using namespace nuncio;
using namespace nuncio::storage_sqlite;
using Kind = StorageOp::Kind;
using Answers = Result<std::vector<StorageAnswer>>;

namespace {

struct Folder : testkit::TemporaryFolder {
    std::string file() const { return path("test.db"); }
};

std::unique_ptr<Database> open(const Folder& folder, Database::Mode mode = Database::Mode::write)
{
    auto database = Database::open(folder.file(), mode, "normal", "example.org");
    if (!database)
        FAIL(database.error().text);
    return std::move(*database);
}

struct Driver {
    explicit Driver(const Folder& folder, std::size_t limit = 1 << 20)
    {
        auto first = open(folder);
        writer
            = std::make_unique<Writer>(std::move(first), open(folder, Database::Mode::read), limit);
    }
    Answers execute(std::vector<StorageOp> batch)
    {
        std::promise<Answers> answer;
        writer->execute(
            std::move(batch), [&](Answers given) { answer.set_value(std::move(given)); });
        return answer.get_future().get();
    }
    StorageAnswer one(StorageOp op)
    {
        auto answers = execute({ std::move(op) });
        if (!answers)
            FAIL(answers.error().text);
        return answers->front();
    }
    std::unique_ptr<Writer> writer;
};

}

TEST_CASE("what was written is there when the file is opened again")
{
    const Folder folder;
    Driver(folder).one({ Kind::put, "s", "o", "k", std::string("a\0b", 3) });
    const auto rows = Driver(folder).one({ Kind::get, "s", "o", "k" });
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].key == "k");
    CHECK(rows[0].value == std::string("a\0b", 3));
}

TEST_CASE("values are listed by key, from a key on, and forgotten")
{
    const Folder folder;
    Driver driver(folder);
    REQUIRE(driver.execute({ { Kind::put, "s", "o", "b", "2" }, { Kind::put, "s", "o", "a", "1" },
        { Kind::put, "t", "o", "c", "3" }, { Kind::append, "u", "p", "", "item" } }));
    auto rows = driver.one({ Kind::list, "s", "o" });
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].key == "a");
    CHECK(rows[1].value == "2");
    CHECK(driver.one({ Kind::list, "s", "o", "a" }).size() == 1);
    CHECK(driver.one({ Kind::list, "s", "o", "", "", 0, 1 }).size() == 1);
    CHECK(driver.one({ Kind::owners, "s" }).size() == 1);
    CHECK(driver.one({ Kind::owners, "u" }).front().key == "p");
    driver.one({ Kind::remove, "s", "o", "a" });
    CHECK(driver.one({ Kind::get, "s", "o", "a" }).empty());
    driver.one({ Kind::remove, "s", "o" });
    CHECK(driver.one({ Kind::list, "s", "o" }).empty());
    CHECK(driver.one({ Kind::list, "t", "o" }).size() == 1);
    driver.one({ Kind::remove_owner, "", "o" });
    CHECK(driver.one({ Kind::list, "t", "o" }).empty());
    CHECK(driver.one({ Kind::count, "u", "p" }).front().key == "1");
}

TEST_CASE("a batch is all or nothing, and the others of its group hold")
{
    const Folder folder;
    Driver driver(folder);
    std::promise<Answers> answers[3];
    const auto give = [&](std::size_t to, std::vector<StorageOp> batch) {
        driver.writer->execute(std::move(batch),
            [&answers, to](Answers given) { answers[to].set_value(std::move(given)); });
    };
    give(0, { { Kind::put, "s", "o", "a", "before" } });
    give(1, { { Kind::put, "s", "o", "a", "torn" }, { Kind::create, "s", "o", "a", "taken" } });
    give(2, { { Kind::put, "s", "o", "b", "after" } });
    CHECK(answers[0].get_future().get());
    CHECK(answers[1].get_future().get().error().kind == Error::Kind::conflict);
    CHECK(answers[2].get_future().get());
    CHECK(driver.one({ Kind::get, "s", "o", "a" }).front().value == "before");
    CHECK(driver.one({ Kind::get, "s", "o", "b" }).front().value == "after");
}

TEST_CASE("create needs nothing there, replace something")
{
    const Folder folder;
    Driver driver(folder);
    CHECK(driver.execute({ { Kind::replace, "s", "o", "a", "x" } }).error().kind
        == Error::Kind::not_found);
    CHECK(driver.execute({ { Kind::create, "s", "o", "a", "x" } }));
    CHECK(driver.execute({ { Kind::create, "s", "o", "a", "y" } }).error().kind
        == Error::Kind::conflict);
    CHECK(driver.execute({ { Kind::replace, "s", "o", "a", "z" } }));
    CHECK(driver.one({ Kind::get, "s", "o", "a" }).front().value == "z");
}

TEST_CASE("an archive answers what came after an id, and forgets up to one or before a time")
{
    const Folder folder;
    Driver driver(folder);
    const auto first = driver.one({ Kind::append, "s", "o", "", "one", 10 }).front().key;
    const auto second = driver.one({ Kind::append, "s", "o", "", "two", 20 }).front().key;
    driver.one({ Kind::append, "s", "o", "", "three", 30 });
    auto rows = driver.one({ Kind::range, "s", "o", first, "", 0, 1 });
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].key == second);
    CHECK(rows[0].value == "two");
    CHECK(rows[0].when == 20);
    driver.one({ Kind::remove_items, "s", "o", first });
    CHECK(driver.one({ Kind::count, "s", "o" }).front().key == "2");
    driver.one({ Kind::expire, "s", "", "", "", 30 });
    rows = driver.one({ Kind::range, "s", "o" });
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].value == "three");
    driver.one({ Kind::remove_items, "s", "o" });
    CHECK(driver.one({ Kind::count, "s", "o" }).front().key == "0");
    CHECK_FALSE(driver.execute({ { Kind::range, "s", "o", "no id" } }));
}

TEST_CASE("a caller reads what it wrote before, without waiting for the answer")
{
    const Folder folder;
    Driver driver(folder);
    for (int i = 0; i < 200; ++i) {
        const auto value = std::to_string(i);
        std::promise<Answers> read;
        driver.writer->execute({ { Kind::put, "s", "o", "k", value } }, [](const Answers&) {});
        driver.writer->execute({ { Kind::get, "s", "o", "k" } },
            [&](Answers given) { read.set_value(std::move(given)); });
        auto answers = read.get_future().get();
        REQUIRE(answers);
        REQUIRE(answers->front().front().value == value);
    }
}

TEST_CASE("many writers share commits, and every answer comes once")
{
    const Folder folder;
    Driver driver(folder, 1 << 24);
    constexpr int count = 5000;
    std::atomic<int> good = 0, bad = 0;
    for (int i = 0; i < count; ++i)
        driver.writer->execute(
            { { Kind::put, "s", std::to_string(i % 7), std::to_string(i), "v" } },
            [&](const Answers& given) { ++(given ? good : bad); });
    driver.writer.reset(); // carries out what waits
    CHECK(good == count);
    CHECK(bad == 0);
    CHECK(Driver(folder).one({ Kind::list, "s", "0", "", "", 0, count }).size() == (count + 6) / 7);
}

TEST_CASE("a full queue refuses, and accepts again once there is room")
{
    const Folder folder;
    Driver driver(folder, 4096);
    CHECK(driver.execute({ { Kind::put, "s", "o", "k", std::string(5000, 'x') } }).error().kind
        == Error::Kind::limit);
    CHECK(driver.execute({ { Kind::put, "s", "o", "k", std::string(3000, 'x') } }));
    CHECK(driver.execute({ { Kind::put, "s", "o", "k", std::string(3000, 'y') } }));
}

TEST_CASE("a file that is no database, and another host's, are refused")
{
    const Folder folder;
    folder.write("broken.db", std::string(4096, 'x'));
    const auto broken
        = Database::open(folder.path("broken.db"), Database::Mode::write, "full", "example.org");
    REQUIRE_FALSE(broken);
    CHECK(broken.error().kind == Error::Kind::unavailable);
    open(folder);
    const auto other = Database::open(folder.file(), Database::Mode::write, "full", "example.net");
    REQUIRE_FALSE(other);
    CHECK(other.error().kind == Error::Kind::conflict);
}

TEST_CASE("a disk that is full is an error of the batch, and the driver goes on")
{
    const Folder folder;
    auto database = open(folder);
    REQUIRE(database->execute("PRAGMA max_page_count = 40"));
    Driver driver(folder);
    driver.writer = std::make_unique<Writer>(
        std::move(database), open(folder, Database::Mode::read), 1 << 24);
    const auto full = driver.execute({ { Kind::put, "s", "o", "small", "x" },
        { Kind::put, "s", "o", "k", std::string(1 << 20, 'x') } });
    REQUIRE_FALSE(full);
    CHECK(full.error().kind == Error::Kind::unavailable);
    CHECK(driver.one({ Kind::get, "s", "o", "small" }).empty());
    driver.one({ Kind::put, "s", "o", "small", "x" });
    CHECK(driver.one({ Kind::get, "s", "o", "small" }).size() == 1);
}

TEST_CASE("unhurried writes gather; a hurried one, a read of theirs and the end take them along")
{
    const Folder folder;
    Driver driver(folder);
    const auto put = [&](std::string owner, bool is_unhurried) {
        StorageOp op { Kind::put, "s", std::move(owner), "k", "v" };
        op.is_unhurried = is_unhurried;
        auto answered = std::make_shared<std::promise<Answers>>();
        driver.writer->execute({ std::move(op) },
            [answered](Answers given) { answered->set_value(std::move(given)); });
        return answered->get_future();
    };
    auto first = put("a", true);
    auto second = put("b", true);
    CHECK(put("c", false).get());
    // The same transaction: they were answered with it.
    REQUIRE(first.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
    CHECK(first.get());
    CHECK(second.get());

    auto third = put("d", true);
    CHECK(driver.one({ Kind::get, "s", "d", "k" }).front().value == "v");
    CHECK(third.get());

    auto fourth = put("e", true);
    driver.writer.reset();
    CHECK(fourth.get());
    driver = Driver(folder);
    CHECK(driver.one({ Kind::get, "s", "e", "k" }).front().value == "v");
}
