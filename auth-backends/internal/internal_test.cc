#include "record.h"

#include <doctest/doctest.h>
#include <utility>

using namespace nuncio;
using namespace nuncio::internal;

TEST_CASE("a record is read back as it was written, and holds no password")
{
    const Record record = make_record("pencil", scram_min_iterations);
    const std::string text = to_text(record);
    CHECK(text.find("pencil") == text.npos);
    const auto read = read_record(text);
    REQUIRE(read);
    for (const auto hash : { ScramHash::sha1, ScramHash::sha256, ScramHash::sha512 }) {
        CHECK(read->of(hash).salt == record.of(hash).salt);
        CHECK(read->of(hash).server_key == record.of(hash).server_key);
        CHECK(matches_scram_keys("pencil", read->of(hash), hash));
        CHECK_FALSE(matches_scram_keys("pencils", read->of(hash), hash));
    }
}

TEST_CASE("every password has an id, which stays while its keys are renewed")
{
    const Record record = make_record("pencil", scram_min_iterations);
    CHECK(record.password_id.size() == 32);
    CHECK(record.password_id != make_record("pencil", scram_min_iterations).password_id);
    auto read = read_record(to_text(record));
    REQUIRE(read);
    CHECK(read->password_id == record.password_id);
    read->of(ScramHash::sha256)
        = make_record("pencil", scram_min_iterations + 1).of(ScramHash::sha256);
    CHECK(read_record(to_text(*read))->password_id == record.password_id);
    // As they were written before there were ids.
    read->password_id.clear();
    REQUIRE(read_record(to_text(*read)));
    CHECK(read_record(to_text(*read))->password_id.empty());
}

TEST_CASE("two accounts with one password have nothing in common")
{
    const auto one = make_record("pencil", scram_min_iterations);
    const auto two = make_record("pencil", scram_min_iterations);
    CHECK(one.of(ScramHash::sha1).salt != two.of(ScramHash::sha1).salt);
    CHECK(one.of(ScramHash::sha1).stored_key != two.of(ScramHash::sha1).stored_key);
    CHECK(one.of(ScramHash::sha1).salt != one.of(ScramHash::sha256).salt);
}

TEST_CASE("a damaged record is an error that may pass, not a wrong password")
{
    const std::string good = to_text(make_record("pencil", scram_min_iterations));
    const auto keys = good.substr(good.find('\n') + 1);
    for (const auto& bad :
        { std::string(), good.substr(10), keys.substr(10), good.substr(0, good.size() / 2),
            "SCRAM-SHA-1$0:" + keys.substr(keys.find(':') + 1) }) {
        const auto read = read_record(bad);
        REQUIRE_FALSE(read);
        CHECK(read.error().kind == Error::Kind::unavailable);
    }
}

TEST_CASE("an account may have keys of one hash only")
{
    for (const auto only : { ScramHash::sha1, ScramHash::sha256, ScramHash::sha512 }) {
        Record record;
        record.of(only) = make_record("pencil", scram_min_iterations).of(only);
        const auto read = read_record(to_text(record));
        REQUIRE(read);
        for (const auto hash : { ScramHash::sha1, ScramHash::sha256, ScramHash::sha512 })
            CHECK(read->has(hash) == (hash == only));
        CHECK(read->checked() == only);
        CHECK(matches_scram_keys("pencil", read->of(only), only));
    }
}

TEST_CASE("lines in the wrong order, twice, or of another kind are damage")
{
    Record record = make_record("pencil", scram_min_iterations);
    const auto id = "password:" + std::exchange(record.password_id, {}) + '\n';
    const std::string good = to_text(record);
    const auto first = good.substr(0, good.find('\n') + 1);
    const auto others = good.substr(first.size());
    CHECK(read_record(first));
    CHECK(read_record(others));
    CHECK_FALSE(read_record(others + first));
    CHECK_FALSE(read_record(first + first));
    CHECK_FALSE(read_record(first + "\n"));
    CHECK_FALSE(read_record(id));
    CHECK_FALSE(read_record(first + id + others));
    CHECK_FALSE(read_record(id + id + good));
    CHECK(read_record(id + good));
    CHECK_FALSE(read_record(good + "SCRAM-SHA-3$1:eA==$eA==:eA==\n"));
}

TEST_CASE("the cache forgets the least used, and what was read before a change")
{
    const Record record = make_record("pencil", 1);
    RecordCache cache(2);
    cache.insert("a", record, cache.changes());
    cache.insert("b", record, cache.changes());
    CHECK(cache.find("a"));
    cache.insert("c", record, cache.changes());
    CHECK(cache.find("a"));
    CHECK_FALSE(cache.find("b"));
    const auto before = cache.changes();
    cache.forget("a");
    CHECK_FALSE(cache.find("a"));
    cache.insert("a", record, before);
    CHECK_FALSE(cache.find("a"));
    cache.insert("a", record, cache.changes());
    CHECK(cache.find("a"));
}

TEST_CASE("the cache knows who does not exist, until it is made")
{
    RecordCache cache(2);
    cache.insert("nobody", std::nullopt, cache.changes());
    const auto cached = cache.find("nobody");
    REQUIRE(cached);
    CHECK_FALSE(cached->has_value());
    cache.forget("nobody"); // as create does
    CHECK_FALSE(cache.find("nobody"));
    cache.insert("nobody", make_record("pencil", 1), cache.changes());
    REQUIRE(cache.find("nobody"));
    CHECK(cache.find("nobody")->has_value());
}
