#include <nuncio/xml.h>

#include <cstring>
#include <doctest/doctest.h>
#include <thread>
#include <vector>

using namespace nuncio;

TEST_CASE("an arena gives aligned memory of any size, never null")
{
    Arena arena;
    CHECK(arena.capacity() == 0);
    for (std::size_t size : { 0, 1, 7, 8, 9, 100, 2000, 5000, 200000, 1, 3 }) {
        void* const bytes = arena.allocate(size);
        REQUIRE(bytes);
        CHECK(reinterpret_cast<std::uintptr_t>(bytes) % 8 == 0);
        std::memset(bytes, 0xA5, size);
    }
    CHECK(arena.capacity() < 300000);
}

TEST_CASE("a first block is about two kilobytes")
{
    Arena arena;
    arena.allocate(1);
    CHECK(arena.capacity() == 2048);
}

TEST_CASE("a large request does not waste the block in use")
{
    Arena arena;
    auto* const before = static_cast<char*>(arena.allocate(8));
    arena.allocate(100000);
    CHECK(static_cast<char*>(arena.allocate(8)) == before + 8);
}

TEST_CASE("copies live as long as the arena, wherever it moves")
{
    Arena arena;
    const auto text = arena.copy("nuncio");
    CHECK(arena.copy("").empty());
    Arena moved = std::move(arena);
    CHECK(arena.capacity() == 0);
    CHECK(text == "nuncio");
    arena = std::move(moved);
    CHECK(text == "nuncio");
}

TEST_CASE("trees are freed on other threads than the ones that made them")
{
    for (int round = 0; round < 20; ++round) {
        std::vector<Element> elements;
        std::thread([&elements] {
            for (int i = 0; i < 200; ++i)
                elements.push_back(*parse_element("<a><b>text</b></a>"));
        }).join();
        std::thread([taken = std::move(elements)]() mutable { taken.clear(); }).join();
    }
    CHECK(parse_element("<a/>"));
}
