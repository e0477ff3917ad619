#include <nuncio/lru_map.h>

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("what was not used for the longest time makes room")
{
    LruMap<int> map(2);
    map.insert("a", 1);
    map.insert("b", 2);
    CHECK(*map.find("a") == 1);
    map.insert("c", 3);
    CHECK(map.size() == 2);
    CHECK(map.find("a"));
    CHECK_FALSE(map.find("b"));
    CHECK(map.begin()->first == "a");
}

TEST_CASE("a key has one value")
{
    LruMap<int> map(2);
    map.insert("a", 1);
    map.insert("a", 2);
    CHECK(map.size() == 1);
    CHECK(*map.find("a") == 2);
    map.erase("a");
    map.erase("a");
    CHECK_FALSE(map.find("a"));
}

TEST_CASE("without room nothing is kept")
{
    LruMap<int> map(0);
    CHECK_FALSE(map.insert("a", 1));
    CHECK(map.size() == 0);
}
