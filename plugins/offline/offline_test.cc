#include "rules.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::offline;

namespace {

Stanza message(const std::string& type, const std::string& content)
{
    auto element = parse_element("<message xmlns='jabber:client' from='a@b/c' to='d@e' type='"
        + type + "'>" + content + "</message>");
    REQUIRE(element);
    return Stanza::parse(std::move(*element)).stanza;
}

Fate fate(const std::string& type, const std::string& content)
{
    return fate_of(message(type, content));
}

const std::string state = "<active xmlns='http://jabber.org/protocol/chatstates'/>";

}

TEST_CASE("normal and chat messages are kept, the other types are not")
{
    CHECK(fate("chat", "<body>b</body>") == Fate::keep);
    CHECK(fate("normal", "<body>b</body>") == Fate::keep);
    CHECK(fate("normal", "<x xmlns='jabber:x:conference' jid='room@muc'/>") == Fate::keep);
    for (const char* type : { "headline", "groupchat", "error" })
        CHECK(fate(type, "<body>b</body>") == Fate::bounce);
}

TEST_CASE("a chat state alone is forgotten, with other content it is kept")
{
    CHECK(fate("chat", state) == Fate::drop);
    CHECK(fate("chat", state + "<thread>t</thread>") == Fate::drop);
    CHECK(fate("chat", "") == Fate::drop);
    CHECK(fate("chat", state + "<body>b</body>") == Fate::keep);
    CHECK(fate("chat", "<received xmlns='urn:xmpp:receipts' id='1'/>") == Fate::keep);
}

TEST_CASE("hints decide")
{
    CHECK(fate("chat", "<body>b</body><no-store xmlns='urn:xmpp:hints'/>") == Fate::bounce);
    CHECK(fate("chat", state + "<no-store xmlns='urn:xmpp:hints'/>") == Fate::drop);
    CHECK(fate("chat", "<body>b</body><no-permanent-store xmlns='urn:xmpp:hints'/>") == Fate::keep);
    CHECK(fate("chat", state + "<store xmlns='urn:xmpp:hints'/>") == Fate::keep);
}

TEST_CASE("the stamp is the server's, and nobody else's in its name")
{
    const Jid host = *Jid::parse("example.org");
    Stanza kept = message("chat",
        "<delay xmlns='urn:xmpp:delay' from='example.org' stamp='1999-01-01T00:00:00Z'/><body/>"
        "<delay xmlns='urn:xmpp:delay' from='room@muc.example.net' stamp='2001-01-01T00:00:00Z'/>");
    stamp(kept, host, WallTime(0ms));
    std::vector<std::string> stamps;
    for (ElementRef child : kept.element().ref())
        if (child.name() == "delay")
            stamps.emplace_back(child.attr("stamp"));
    CHECK(stamps == std::vector<std::string> { "2001-01-01T00:00:00Z", "1970-01-01T00:00:00Z" });
}
