#include "top.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::ctl;
using namespace std::chrono_literals;

namespace {

Value rows(const char* json)
{
    auto value = Value::parse_json(json);
    REQUIRE(value);
    return *value;
}

}

TEST_CASE("the rates of top are those of the time between two answers, the busiest first")
{
    const Value before = rows(R"([
        {"plugin":"a","host":"h","handler":"hook x","calls":100,"total_us":900000},
        {"plugin":"b","host":"h","handler":"hook x","calls":10,"total_us":0}])");
    const Value now = rows(R"([
        {"plugin":"a","host":"h","handler":"hook x","calls":102,"total_us":900100},
        {"plugin":"b","host":"h","handler":"hook x","calls":30,"total_us":500000},
        {"plugin":"c","host":"h","handler":"iq y","calls":4,"total_us":20}])");
    const Value rates = rates_since(before, now, 2s);
    REQUIRE(rates.as_array().size() == 3);
    const Value& first = rates.as_array()[0];
    CHECK(first.find("plugin")->as_string() == "b");
    CHECK(first.find("calls_per_second")->as_number() == 10);
    CHECK(first.find("cpu_percent")->as_number() == 25);
    const Value& last = rates.as_array()[2]; // new since then
    CHECK(last.find("plugin")->as_string() == "c");
    CHECK(last.find("calls_per_second")->as_number() == 2);
}
