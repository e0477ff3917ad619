// The policies that are shipped pass the tests that they bring along.
#include "test_world.h"

#include <cstdlib>
#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::lua;

TEST_CASE("the samples in conf.d/lua.d pass their own tests")
{
    Library library(NUNCIO_LUA_SAMPLES, 262'144);
    const auto names = library.scripts();
    CHECK(names.size() >= 8);
    for (const std::string& name : names) {
        CAPTURE(name);
        const auto text = library.read(name);
        REQUIRE(text);
        const auto outcomes = run_tests({ .name = name,
                                            .text = *text,
                                            .budget = { .slow = 60s, .time = 60s },
                                            .library = &library },
            "example.org");
        REQUIRE_MESSAGE(outcomes.ok(), (outcomes ? "" : outcomes.error().text));
        CHECK(outcomes->size() >= 2);
        for (const TestOutcome& outcome : *outcomes) {
            CAPTURE(outcome.name);
            CHECK(outcome.failure == "");
        }
    }
}

TEST_CASE("a test that fails says so")
{
    const auto outcomes = run_tests({ .name = "trial",
                                        .text = "test('wrong', function() expect(1, 2) end)\n"
                                                "test('right', function() expect(1, 1) end)\n"
                                                "test('endless', function() while true do end end)",
                                        .budget = { .slow = 60s, .time = 60s } },
        "example.org");
    REQUIRE(outcomes);
    REQUIRE(outcomes->size() == 3);
    CHECK((*outcomes)[0].failure == "trial.lua:1: expected 2, got 1");
    CHECK((*outcomes)[1].failure == "");
    CHECK((*outcomes)[2].failure.find("instructions") != std::string::npos);
}
