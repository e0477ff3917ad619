#include "printing.h"
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

TEST_CASE("on a screen of 80 columns one sees what a handler costs, and whose it is")
{
    const Value all = rows(R"([
        {"plugin":"storage-sqlite","host":"a.example","handler":"iq server urn:x","calls":7,
         "calls_per_second":1.5,"cpu_percent":0.3,"mean_us":4.5,"p99_us":1234567.8,
         "worst_us":1234567.8,"total_us":1,"bytes_per_call":10,"queue":2,"failures":0}])");
    const std::string text = to_text(for_screen(all));
    const std::string heading = text.substr(0, text.find('\n'));
    CHECK(heading.starts_with("cpu %  calls/s"));
    CHECK(heading.find("handler") < 80);
    const std::string line = text.substr(text.find('\n') + 1, 80);
    for (const char* wanted : { "0.3", "1.5", "1234567.8", "storage-sqlite", "iq server" })
        CHECK_MESSAGE(line.find(wanted) != line.npos, wanted);
    CHECK(text.find("total") == text.npos); // as --json has it
}
