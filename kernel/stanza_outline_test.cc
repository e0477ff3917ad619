#include "stanza_outline.h"
#include "thread_activity.h"

#include <doctest/doctest.h>
#include <string>
#include <sys/mman.h>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

Stanza parsed(std::string_view xml)
{
    auto element = parse_element(xml);
    REQUIRE(element);
    return Stanza::parse(std::move(*element)).stanza;
}

std::string outline(const Stanza& stanza, StanzaOutline::Memory memory)
{
    return std::string(StanzaOutline(stanza, memory).text());
}

/// As it is read in peace and in a signal handler.
std::string outline(const Stanza& stanza)
{
    const std::string text = outline(stanza, StanzaOutline::Memory::sound);
    CHECK(outline(stanza, StanzaOutline::Memory::doubtful) == text);
    return text;
}

/// A page that nobody may read.
class ForbiddenPage {
public:
    ForbiddenPage()
        : at_(static_cast<char*>(
            ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)))
    {
        REQUIRE(at_ != MAP_FAILED);
    }
    ~ForbiddenPage() { ::munmap(at_, size); }
    char* at() const { return at_; }
    static constexpr std::size_t size = 4096;

private:
    char* at_;
};

}

TEST_CASE("an outline tells kind, type, id, addresses and children, and nothing of what is in them")
{
    CHECK(outline(parsed("<message xmlns='jabber:client' type='chat' id='m1' from='a@x.example/r' "
                         "to='b@x.example'>\n<body>secret</body>"
                         "<active xmlns='urn:example:states'>secret</active></message>"))
        == "message chat id=m1 a@x.example/r -> b@x.example <body> <active urn:example:states>");
    CHECK(outline(parsed("<presence xmlns='jabber:client'/>")) == "presence - -> -");
    CHECK(outline(Stanza()) == "");
}

TEST_CASE("an outline is one line, and long things in it are cut")
{
    const std::string long_id(65, 'i'), longer(200, 'n');
    CHECK(outline(parsed("<iq xmlns='jabber:client' type='get' id='a&#10;b'><q xmlns='urn:" + longer
              + "'/></iq>"))
        == "iq get id=a b - -> - <q urn:" + longer.substr(0, 124) + "…>");
    CHECK(outline(parsed("<iq xmlns='jabber:client' type='get' id='" + long_id + "'><q/></iq>"))
        == "iq get id=" + long_id.substr(1) + "… - -> - <q>");
    const auto to = [](std::size_t bytes) {
        return "b@x.example/" + std::string(bytes - std::string_view("b@x.example/").size(), 'r');
    };
    constexpr auto most = StanzaOutline::most_address_bytes;
    Stanza stanza(Stanza::Kind::message);
    stanza.set_to(*Jid::parse(to(most)));
    CHECK(outline(stanza) == "message - -> " + to(most));
    stanza.set_to(*Jid::parse(to(most + 1)));
    CHECK(outline(stanza) == "message - -> " + to(most) + "…");
}

TEST_CASE("of many children the first are told")
{
    Stanza stanza(Stanza::Kind::message);
    std::string children;
    for (std::size_t i = 0; i < StanzaOutline::most_children; ++i) {
        stanza.element().add("x");
        children += " <x>";
    }
    CHECK(outline(stanza) == "message - -> -" + children);
    stanza.element().add("x");
    CHECK(outline(stanza) == "message - -> -" + children + " …");
}

TEST_CASE("an outline ends at the latest at its bound")
{
    Stanza stanza(Stanza::Kind::message);
    for (std::size_t i = 0; i < StanzaOutline::most_children; ++i)
        stanza.element().add(std::string(200, 'x'), std::string(200, 'y'));
    CHECK(outline(stanza).size() == StanzaOutline::most_bytes);
}

TEST_CASE("what cannot be read is left out, wherever a broken tree leads")
{
    using enum StanzaOutline::Memory;
    const ForbiddenPage page;
    Stanza stanza(Stanza::Kind::message, Stanza::Type::chat);
    stanza.element().add("body");
    Node& root = *stanza.element().root();
    Node& body = *root.first_child;

    body.next = reinterpret_cast<Node*>(page.at());
    CHECK(outline(stanza, doubtful) == "message chat - -> - <body>");
    body.next = reinterpret_cast<Node*>(page.at() - sizeof(Node) / 2);
    CHECK(outline(stanza, doubtful).starts_with("message chat - -> - <body>"));
    body.next = &body; // a ring
    CHECK(outline(stanza, doubtful).ends_with(" …"));
    body.next = nullptr;

    body.name = { page.at(), 4 };
    CHECK(outline(stanza, doubtful) == "message chat - -> - <?>");
    body.name = { page.at() - 1, std::size_t(-1) };
    CHECK(outline(stanza, doubtful).starts_with("message chat - -> - <"));
    body.name = "body";

    Attribute* const attributes = root.attributes;
    root.attributes = reinterpret_cast<Attribute*>(page.at());
    CHECK(outline(stanza, doubtful) == "message chat - -> - <body>");
    root.attributes = attributes;
    CHECK(outline(stanza) == "message chat - -> - <body>");
}

TEST_CASE("a thread handles what is innermost, and nothing when all have returned")
{
    const Stanza outer(Stanza::Kind::message), inner(Stanza::Kind::presence);
    CHECK(outline_of_handled().text() == "");
    {
        const Handling first(outer);
        {
            const Handling second(inner);
            CHECK(outline_of_handled().text() == "presence - -> -");
        }
        CHECK(outline_of_handled().text() == "message - -> -");
        const StanzaOutline known(inner);
        const Handling third(known);
        CHECK(outline_of_handled().text() == "presence - -> -");
    }
    CHECK(outline_of_handled().text() == "");
}
