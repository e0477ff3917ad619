#include <nuncio/schema.h>

#include <doctest/doctest.h>

using namespace nuncio;

namespace {

struct Settings {
    bool enabled = true;
    std::uint16_t port = 5222;
    double ratio = 0.5;
    std::string mode = "text";
    std::chrono::seconds wait = 90s;
    Bytes size { 65536 };
    std::vector<std::string> names { "a", "b" };
    std::string password;
    Value tables;
};

Schema schema()
{
    return Schema::of<Settings>("A test.")
        .option("enabled", &Settings::enabled, "Whether.")
        .option("port", &Settings::port, "Which.")
        .range(1, 65535)
        .option("ratio", &Settings::ratio, "How much.")
        .range(0, 1)
        .option("mode", &Settings::mode, "How.")
        .choices({ "text", "json" })
        .option("wait", &Settings::wait, "How long.")
        .range(1, 3600)
        .option("size", &Settings::size, "How large.")
        .range(1024, 1048576)
        .option("names", &Settings::names, "Who.")
        .option("password", &Settings::password, "Psst.")
        .secret()
        .option("tables", &Settings::tables, "More.");
}

Value table(std::initializer_list<std::pair<std::string, Value>> members)
{
    return Value::Table(members);
}

std::string only_error(const Value& value)
{
    Settings settings;
    const auto errors = schema().read(value, "plugins.x", &settings);
    REQUIRE(errors.size() == 1);
    return errors[0].text();
}

Duration duration(const Value& value)
{
    Duration read {};
    const auto done = detail::read_value(value, read);
    return done ? read : Duration(-1);
}

std::int64_t bytes(const Value& value)
{
    Bytes read;
    return detail::read_value(value, read) ? std::int64_t(read.count) : -1;
}

}

TEST_CASE("durations are read with their units, and numbers are seconds")
{
    CHECK(duration("90s") == 90s);
    CHECK(duration("10 min") == 10min);
    CHECK(duration("2h") == 2h);
    CHECK(duration("30 days") == 720h);
    CHECK(duration("1h 30min") == 90min);
    CHECK(duration("1.5h") == 90min);
    CHECK(duration("250ms") == 250ms);
    CHECK(duration(5) == 5s);
    CHECK(duration(0.25) == 250ms);
    for (const char* wrong :
        { "", "s", "5", "5 lightyears", "-5s", "5s!", "1e400s", "nan s", "300000 days", "5ss" })
        CHECK_MESSAGE(duration(wrong) == Duration(-1), wrong);
    CHECK(duration(-1) == Duration(-1));
    CHECK(duration(true) == Duration(-1));
    CHECK(duration(1e300) == Duration(-1));
}

TEST_CASE("sizes are read with binary and decimal units")
{
    CHECK(bytes("64 KiB") == 65536);
    CHECK(bytes("2 MB") == 2000000);
    CHECK(bytes("1GiB") == 1073741824);
    CHECK(bytes(10000) == 10000);
    CHECK(bytes("10 bytes") == 10);
    for (const char* wrong : { "", "KiB", "64", "64 kib", "9999999 TiB" })
        CHECK_MESSAGE(bytes(wrong) == -1, wrong);
    CHECK(bytes(-1) == -1);
}

TEST_CASE("defaults are written as TOML would have them")
{
    const auto made = schema();
    const auto text = [&](const char* name) { return made.find(name)->default_text; };
    CHECK(text("enabled") == "true");
    CHECK(text("port") == "5222");
    CHECK(text("ratio") == "0.5");
    CHECK(text("mode") == "\"text\"");
    CHECK(text("wait") == "\"90s\"");
    CHECK(text("size") == "\"64 KiB\"");
    CHECK(text("names") == "[\"a\", \"b\"]");
    CHECK(text("tables") == "[]");
    CHECK(detail::write_value(Duration(10min)) == "\"10 min\"");
    CHECK(detail::write_value(Duration(24h)) == "\"1 day\"");
    CHECK(detail::write_value(Duration(0)) == "\"0s\"");
    CHECK(detail::write_value(Bytes { 10000 }) == "\"10 kB\"");
    CHECK(detail::write_value(Bytes { 16'000'000'000 }) == "\"16 GB\"");
    CHECK(detail::write_value(Bytes { 1023 }) == "1023");
}

TEST_CASE("a good table is taken up")
{
    Settings settings;
    const auto errors = schema().read(
        table({ { "enabled", false }, { "port", 65535 }, { "ratio", 1 }, { "mode", "json" },
            { "wait", "1h" }, { "size", "1 KiB" }, { "names", Value::Array { "c" } } }),
        "", &settings);
    CHECK(errors.empty());
    CHECK_FALSE(settings.enabled);
    CHECK(settings.port == 65535);
    CHECK(settings.mode == "json");
    CHECK(settings.wait == 3600s);
    CHECK(settings.size.count == 1024);
    CHECK(settings.names == std::vector<std::string> { "c" });
}

TEST_CASE("each mistake has its message")
{
    CHECK(only_error(table({ { "prot", 1 } }))
        == "plugins.x: there is no option \"prot\"; did you mean \"port\"?");
    CHECK(only_error(table({ { "colour", 1 } })) == "plugins.x: there is no option \"colour\"");
    CHECK(only_error(table({ { "port", "5222" } }))
        == "plugins.x.port: expected a whole number, not the string \"5222\"");
    CHECK(only_error(table({ { "port", 0 } }))
        == "plugins.x.port: expected something from 1 to 65535, not 0");
    CHECK(only_error(table({ { "mode", "xml" } }))
        == "plugins.x.mode: expected \"text\" or \"json\", not the string \"xml\"");
    CHECK(only_error(table({ { "wait", "soon" } }))
        == "plugins.x.wait: expected a duration such as \"90s\" or \"10 min\", not the string "
           "\"soon\"");
    CHECK(only_error(table({ { "wait", "2h" } }))
        == "plugins.x.wait: expected something from \"1s\" to \"1h\", not the string \"2h\"");
    CHECK(only_error(table({ { "size", 1 } }))
        == "plugins.x.size: expected something from \"1 KiB\" to \"1 MiB\", not 1");
    CHECK(only_error(table({ { "names", "a" } }))
        == "plugins.x.names: expected a list of strings, such as [\"a\", \"b\"], not the string "
           "\"a\"");
    CHECK(only_error(table({ { "names", Value::Array { 1 } } }))
        == "plugins.x.names: expected a list of strings, not the list [1]");
    CHECK(only_error(table({ { "tables", 1 } }))
        == "plugins.x.tables: expected a table or a list of tables, not 1");
    CHECK(only_error(5) == "plugins.x: expected a table, not 5");
}

TEST_CASE("a secret is never repeated in a message")
{
    CHECK(only_error(table({ { "password", 1234 } })) == "plugins.x.password: expected a string");
}

TEST_CASE("all mistakes are told at once, and what is refused is not set")
{
    Settings settings;
    const auto errors = schema().read(
        table({ { "port", 70000 }, { "mode", 1 }, { "wait", "5s" }, { "nmaes", 1 } }), "",
        &settings);
    CHECK(errors.size() == 3);
    CHECK(settings.port == 5222);
    CHECK(settings.wait == 5s);
}

TEST_CASE("a table can be checked by who does not know the settings")
{
    CHECK(schema().check(table({ { "port", 5269 } }), "plugins.x").empty());
    CHECK(schema().check(table({ { "port", 0 }, { "x", 1 } }), "plugins.x").size() == 2);
    CHECK(Schema("no options").check(Value::Table(), "plugins.x").empty());
    CHECK(Schema("no options").check(table({ { "x", 1 } }), "plugins.x").at(0).text()
        == "plugins.x: there is no option \"x\"; nothing can be set here");
}

TEST_CASE("a number that does not fit its member is refused without a range")
{
    struct Small {
        std::uint16_t value = 1;
    } small;
    const Schema tiny = Schema::of<Small>("").option("value", &Small::value, "");
    const auto errors = tiny.read(table({ { "value", 65536 } }), "", &small);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].text() == "value: expected a number that fits, not 65536");
}

TEST_CASE("a required option that is missing is placed at its table")
{
    struct One {
        std::string name;
    } one;
    const Schema strict = Schema::of<One>("").option("name", &One::name, "").required();
    Value empty = Value::Table();
    empty.set_place({ std::make_shared<const std::string>("50.toml"), 2, 1 });
    const auto errors = strict.read(empty, "plugins.one", &one);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].text() == "50.toml:2:1: plugins.one.name: is missing");
}

TEST_CASE("values carry the place into the message")
{
    const auto file = std::make_shared<const std::string>("00.toml");
    Value wrong = 0;
    wrong.set_place({ file, 4, 8 });
    CHECK(only_error(table({ { "port", wrong } })).find("00.toml:4:8: plugins.x.port: ") == 0);
    Value unknown = 0;
    unknown.set_key_place({ file, 5, 1 });
    CHECK(only_error(table({ { "prot", unknown } })).find("00.toml:5:1: plugins.x: ") == 0);
}

TEST_CASE("a plugin's own check is placed at the option")
{
    const auto made = schema();
    Value low = 5;
    low.set_place({ std::make_shared<const std::string>("50.toml"), 9, 3 });
    const Value given = table({ { "port", low } });
    const Config config(made, given);
    CHECK(config.as<Settings>().port == 5);
    CHECK(config.error("port", "is taken").text == "50.toml:9:3: port: is taken");
}

TEST_CASE("the nearest name is found through typing mistakes, and only then")
{
    const std::vector<std::string_view> known { "max_items", "roster", "ping", "port" };
    CHECK(nearest("max-item", known) == "max_items");
    CHECK(nearest("Rsoter", known) == "roster");
    CHECK(nearest("pnig", known) == "ping");
    CHECK(nearest("zebra", known).empty());
    CHECK(nearest("", known).empty());
    CHECK(nearest(std::string(100000, 'a'), known).empty());
}
