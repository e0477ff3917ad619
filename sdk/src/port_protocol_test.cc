#include <nuncio/port_protocol.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace std::string_view_literals;

TEST_CASE("a packet has its length in front, unsigned and in network order")
{
    CHECK(*make_port_packet("") == "\0\0"sv);
    CHECK(*make_port_packet("abc") == "\0\3abc"sv);
    const auto big = make_port_packet(std::string(0x8001, 'x'));
    REQUIRE(big);
    CHECK(big->substr(0, 2) == "\x80\x01"sv);
}

TEST_CASE("what does not fit is refused whole")
{
    CHECK(make_port_packet(std::string(port_packet_bytes, 'x')));
    const auto refused = make_port_packet(std::string(port_packet_bytes + 1, 'x'));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Error::Kind::limit);
}

TEST_CASE("an answer is read in any pieces, each time anew")
{
    constexpr auto bytes = "\0\2\0\1"sv;
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
        CAPTURE(cut);
        PortAnswer answer(2);
        const auto first = answer.read(bytes.substr(0, cut));
        REQUIRE(first);
        CHECK(first->has_value() == (cut == bytes.size()));
        if (cut < bytes.size())
            CHECK(answer.read(bytes.substr(cut)).operator*() == 1);
        answer.reset();
        CHECK(answer.read("\0\2\0\0"sv).operator*() == 0);
    }
}

TEST_CASE("a code is below the number of codes")
{
    CHECK(PortAnswer(5).read("\0\2\0\4"sv).operator*() == 4);
    CHECK_FALSE(PortAnswer(5).read("\0\2\0\5"sv));
    CHECK_FALSE(PortAnswer(2).read("\0\2\0\2"sv));
    CHECK_FALSE(PortAnswer(2).read("\0\2\1\1"sv));
    CHECK(PortAnswer(0x102).read("\0\2\1\1"sv).operator*() == 0x101);
}

TEST_CASE("anything else is an error as soon as it can be seen, and stays one")
{
    for (const auto bytes :
        { "H"sv, "\0\1"sv, "\0\3"sv, "\2\0"sv, "\0\2\0\1\0"sv, "true\n"sv, "\0\2\0\1\0\2\0\1"sv }) {
        CAPTURE(bytes);
        PortAnswer answer(2);
        CHECK_FALSE(answer.read(bytes));
        CHECK_FALSE(answer.read(""));
        CHECK_FALSE(answer.read("\0\2\0\1"sv));
    }
}

TEST_CASE("an error shows the beginning of what came, and nothing that a log could not bear")
{
    PortAnswer answer(2);
    const auto wrong = answer.read("Hi\n\x1B[31m" + std::string(1000, 'x'));
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().text.find("\"Hi\\x0a\\x1b[31mxxx") != std::string::npos);
    CHECK(wrong.error().text.size() < 200);
}
