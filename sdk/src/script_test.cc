#include <nuncio/script.h>

#include <doctest/doctest.h>

using namespace nuncio;

namespace {

template <class F>
std::string signature(F)
{
    using Arguments = typename detail::Callable<F>::Arguments;
    return detail::signature_of<Arguments>(std::make_index_sequence<std::tuple_size_v<Arguments>>(),
        detail::script_type_text<typename detail::Callable<F>::Answer>());
}

template <class... Args>
std::string reading(const Value::Array& given, std::tuple<Args...>& arguments)
{
    const auto read = detail::read_arguments(given, arguments, std::index_sequence_for<Args...>());
    return read ? "good" : read.error().text;
}

}

TEST_CASE("a signature follows from the types")
{
    CHECK(signature([](Jid, std::optional<std::string>) { return true; })
        == "(jid, string?) → boolean");
    CHECK(signature([](std::uint16_t, double) -> task<Result<std::vector<std::string>>> {
        co_return std::vector<std::string>();
    }) == "(integer, number) → list");
    CHECK(signature([]() -> std::optional<std::int64_t> { return {}; }) == "() → integer?");
    CHECK(signature([](const std::string&) {}) == "(string) → nothing");
}

TEST_CASE("arguments are read by type, or the answer says which is wrong")
{
    std::tuple<Jid, std::uint8_t, std::optional<std::vector<std::string>>> arguments;
    CHECK(reading({ "Romeo@Example.org", 255 }, arguments) == "good");
    CHECK(std::get<0>(arguments).text() == "romeo@example.org");
    CHECK(std::get<1>(arguments) == 255);
    CHECK_FALSE(std::get<2>(arguments));
    CHECK(reading({ "a@b", 1, Value::Array { "x", "y" } }, arguments) == "good");
    CHECK(std::get<2>(arguments)->size() == 2);
    CHECK(reading({ "@", 1 }, arguments).starts_with("argument 1: "));
    CHECK(reading({ "a@b", 256 }, arguments) == "argument 2: the number is out of range");
    CHECK(reading({ "a@b", "1" }, arguments) == "argument 2: expected an integer, not string");
    CHECK(reading({ "a@b" }, arguments) == "argument 2: expected an integer, not nothing");
    CHECK(reading({ "a@b", 1, Value::Array { 1 } }, arguments)
        == "argument 3: expected a list of strings, not whole number");
    CHECK(reading({ "a@b", 1, {}, 1 }, arguments) == "more than 3 arguments");
}

TEST_CASE("results become plain data")
{
    CHECK(detail::write_result(true) == Value(true));
    CHECK(detail::write_result(std::uint8_t(7)) == Value(7));
    CHECK(detail::write_result(std::optional<int>()).is_null());
    CHECK(detail::write_result(*Jid::parse("a@b")) == Value("a@b"));
    CHECK(detail::write_result(std::vector<std::string> { "x" }) == Value(Value::Array { "x" }));
    CHECK(detail::write_answer(Result<std::string>(Error { "no" })).error().text == "no");
}
