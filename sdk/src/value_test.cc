#include <nuncio/value.h>

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("a value answers empty for another kind")
{
    const Value text("x");
    CHECK(text.as_integer() == 0);
    CHECK_FALSE(text.as_bool());
    CHECK(text.as_array().empty());
    CHECK(text.find("y") == nullptr);
    CHECK(Value(7).as_number() == 7.0);
}

TEST_CASE("a null becomes a table when a member is assigned, in order")
{
    Value value;
    value["b"] = 1;
    value["a"] = "two";
    value["b"] = 3;
    CHECK(value.json() == R"({"b":3,"a":"two"})");
}

TEST_CASE("JSON is written and read back the same")
{
    const char* text = R"({"a":[1,-2,2.5,true,null],"ä":"\"\\\n\u0001","big":9223372036854775807})";
    const auto value = Value::parse_json(text);
    REQUIRE(value);
    CHECK(value->json() == text);
    const auto again = Value::parse_json(value->json(2));
    REQUIRE(again);
    CHECK(*again == *value);
}

TEST_CASE("what JSON cannot say is replaced, not passed on")
{
    CHECK(Value("a\xff"
                "b")
              .json()
        == "\"a\xef\xbf\xbd"
           "b\"");
    CHECK(Value(std::string("\x00\x7f", 2)).json() == R"("\u0000\u007f")");
    CHECK(Value(1.0 / 0.0).json() == "null");
    CHECK(Value(2.0).json() == "2.0");
}

TEST_CASE("whole numbers beyond 64 bits with sign become numbers")
{
    const auto value = Value::parse_json("18446744073709551615");
    REQUIRE(value);
    CHECK(value->kind() == Value::Kind::number);
}

TEST_CASE("JSON nesting is bounded at N, not at N+1")
{
    const auto nested = [](int depth) {
        return std::string(std::size_t(depth), '[') + std::string(std::size_t(depth), ']');
    };
    CHECK(Value::parse_json(nested(8), 8));
    const auto refused = Value::parse_json(nested(9), 8);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text == "nested deeper than 8 levels");
    CHECK_FALSE(Value::parse_json(std::string(100000, '[')));
}

TEST_CASE("JSON errors say where")
{
    const auto broken = Value::parse_json("{\"a\": tru}");
    REQUIRE_FALSE(broken);
    CHECK(broken.error().text.find("not JSON at byte 10") == 0);
    CHECK_FALSE(Value::parse_json(""));
    CHECK_FALSE(Value::parse_json("1 2"));
    CHECK_FALSE(Value::parse_json("\"\xff\""));
    const auto twice = Value::parse_json(R"({"a":1,"a":2})");
    REQUIRE_FALSE(twice);
    CHECK(twice.error().text == "the key \"a\" occurs twice");
}

TEST_CASE("a place prints as file:line:column, and as nothing without a file")
{
    CHECK(SourcePlace {}.text().empty());
    CHECK(
        SourcePlace { std::make_shared<const std::string>("a.toml"), 3, 7 }.text() == "a.toml:3:7");
}
