#include "tables.h"

#include <doctest/doctest.h>

using namespace nuncio;
using storage_memory::Tables;
using Kind = StorageOp::Kind;

namespace {

StorageAnswer one(Tables& tables, StorageOp op)
{
    auto answers = tables.execute({ std::move(op) });
    REQUIRE(answers);
    return answers->front();
}

}

TEST_CASE("a value is read back, listed in order of keys, and forgotten")
{
    Tables tables;
    one(tables, { Kind::put, "s", "o", "b", "2" });
    one(tables, { Kind::put, "s", "o", "a", "1" });
    CHECK(one(tables, { Kind::get, "s", "o", "a" }).front().value == "1");
    CHECK(one(tables, { Kind::get, "other", "o", "a" }).empty());
    const auto all = one(tables, { Kind::list, "s", "o" });
    REQUIRE(all.size() == 2);
    CHECK(all[0].key == "a");
    CHECK(one(tables, { Kind::list, "s", "o", "a" }).front().key == "b");
    one(tables, { Kind::remove, "s", "o", "a" });
    CHECK(one(tables, { Kind::get, "s", "o", "a" }).empty());
    one(tables, { Kind::remove, "s", "o" });
    CHECK(one(tables, { Kind::owners, "s" }).empty());
}

TEST_CASE("a batch that fails changes nothing")
{
    Tables tables;
    one(tables, { Kind::put, "s", "o", "a", "old" });
    const auto failed = tables.execute({ { Kind::put, "s", "o", "a", "new" },
        { Kind::append, "s", "o", "", "item" }, { Kind::range, "s", "o", "no number" } });
    CHECK_FALSE(failed);
    CHECK(one(tables, { Kind::get, "s", "o", "a" }).front().value == "old");
    CHECK(one(tables, { Kind::count, "s", "o" }).front().key == "0");
}

TEST_CASE("create needs nothing there, replace something")
{
    Tables tables;
    CHECK(tables.execute({ { Kind::replace, "s", "o", "a", "x" } }).error().kind
        == Error::Kind::not_found);
    CHECK(tables.execute({ { Kind::create, "s", "o", "a", "x" } }));
    CHECK(tables.execute({ { Kind::create, "s", "o", "a", "y" } }).error().kind
        == Error::Kind::conflict);
    CHECK(tables.execute({ { Kind::replace, "s", "o", "a", "y" } }));
    CHECK(one(tables, { Kind::get, "s", "o", "a" }).front().value == "y");
}

TEST_CASE("an archive answers what came after an id, and forgets up to one")
{
    Tables tables;
    const auto first = one(tables, { Kind::append, "s", "o", "", "one", 10 }).front().key;
    one(tables, { Kind::append, "s", "p", "", "another's", 10 });
    one(tables, { Kind::append, "s", "o", "", "two", 20 });
    const auto rest = one(tables, { Kind::range, "s", "o", first });
    REQUIRE(rest.size() == 1);
    CHECK(rest[0].value == "two");
    CHECK(rest[0].when == 20);
    one(tables, { Kind::remove_items, "s", "o", first });
    CHECK(one(tables, { Kind::count, "s", "o" }).front().key == "1");
    one(tables, { Kind::expire, "s", "", "", "", 20 });
    CHECK(one(tables, { Kind::count, "s", "p" }).front().key == "0");
    CHECK(one(tables, { Kind::count, "s", "o" }).front().key == "1");
}

TEST_CASE("removing an owner empties every store of it")
{
    Tables tables;
    one(tables, { Kind::put, "a", "o", "k", "1" });
    one(tables, { Kind::append, "b", "o", "", "1" });
    one(tables, { Kind::put, "a", "p", "k", "1" });
    one(tables, { Kind::remove_owner, "", "o" });
    CHECK(one(tables, { Kind::list, "a", "o" }).empty());
    CHECK(one(tables, { Kind::count, "b", "o" }).front().key == "0");
    CHECK(one(tables, { Kind::list, "a", "p" }).size() == 1);
}
