#include <nuncio/stanza.h>

#include <doctest/doctest.h>

using namespace nuncio;
using Condition = StanzaError::Condition;
using Kind = Stanza::Kind;
using Type = Stanza::Type;

namespace {

Stanza::Parsed parse(std::string_view inside, std::string_view ns = ns_client)
{
    std::string text(inside);
    text.insert(text.find_first_of(" />"), " xmlns='" + std::string(ns) + "'");
    auto element = parse_element(text);
    REQUIRE_MESSAGE(element, element.error().text);
    return Stanza::parse(std::move(*element));
}

std::optional<Condition> refusal(std::string_view text)
{
    const auto parsed = parse(text);
    return parsed.error ? std::optional(parsed.error->condition) : std::nullopt;
}

}

TEST_CASE("the three kinds and their types are told apart")
{
    CHECK(parse("<message type='chat'/>").stanza.type() == Type::chat);
    CHECK(parse("<message/>").stanza.type() == Type::none);
    CHECK(parse("<message type='get'/>").stanza.type() == Type::normal);
    CHECK(parse("<presence type='probe'/>").stanza.type() == Type::probe);
    CHECK(parse("<presence/>").stanza.is_presence());
    CHECK(parse("<iq type='set' id='1'><a/></iq>").stanza.is_request());
    CHECK(parse("<iq type='error' id='1'/>").stanza.is_error());
    CHECK(!parse("<iq type='result' id='1'/>", ns_server).error);
    for (int i = int(Type::none); i <= int(Type::probe); ++i) {
        const auto type = static_cast<Type>(i);
        const auto kind = type <= Type::result ? Kind::iq
            : type <= Type::headline           ? Kind::message
                                               : Kind::presence;
        const Stanza made(kind, type);
        const auto again = Stanza::parse(made.element());
        CHECK(again.stanza.kind() == kind);
        CHECK(again.stanza.type() == type);
        CHECK(made.element().has_attr("type") == (type != Type::none));
    }
}

TEST_CASE("what is no stanza is said to be none")
{
    CHECK(parse("<query/>").unknown_kind);
    CHECK(parse("<message/>", "urn:other").unknown_kind);
    CHECK(!parse("<message/>", "jabber:component:accept").unknown_kind);
}

TEST_CASE("a wrong stanza gets the error that its sender should hear")
{
    CHECK(refusal("<iq type='get'><a/></iq>") == Condition::bad_request);
    CHECK(refusal("<iq type='get' id=''><a/></iq>") == Condition::bad_request);
    CHECK(refusal("<iq id='1'><a/></iq>") == Condition::bad_request);
    CHECK(refusal("<iq type='chat' id='1'><a/></iq>") == Condition::bad_request);
    CHECK(refusal("<iq type='get' id='1'/>") == Condition::bad_request);
    CHECK(refusal("<iq type='set' id='1'><a/><b/></iq>") == Condition::bad_request);
    CHECK(refusal("<presence type='available'/>") == Condition::bad_request);
    CHECK(refusal("<message to='@x'/>") == Condition::jid_malformed);
    CHECK(refusal("<message to=''/>") == Condition::jid_malformed);
    CHECK(refusal("<message from='a b@x'/>") == Condition::jid_malformed);
    CHECK(!refusal("<iq type='get' id='1'>text<a/></iq>"));
    CHECK(!refusal("<iq type='result' id='1'/>"));
    CHECK(!refusal("<message type='whatever'/>"));
}

TEST_CASE("addresses are prepared in the tree as well")
{
    const auto stanza = parse("<message to='JULIET@Example.com/R' from='a@b'/>").stanza;
    CHECK(stanza.to().text() == "juliet@example.com/R");
    CHECK(stanza.element().attr("to") == "juliet@example.com/R");
    CHECK(stanza.to().resource() == "R");
    CHECK(stanza.from().bare_text() == "a@b");
    CHECK(parse("<message/>").stanza.to().empty());
}

TEST_CASE("addresses point into the stanza they belong to, after copy and move")
{
    auto first = parse("<message to='a@b/c' from='d@e'/>").stanza;
    Stanza copy = first;
    CHECK(copy.to().text().data() == copy.element().attr("to").data());
    CHECK(copy.to().text().data() != first.to().text().data());
    Stanza moved = std::move(first);
    CHECK(moved.to().text().data() == moved.element().attr("to").data());
    CHECK(first.to().empty());
    copy = moved;
    moved = Stanza();
    CHECK(copy.to().text() == "a@b/c");
    CHECK(copy.from().text() == "d@e");
    Stanza assigned;
    assigned = std::move(copy);
    CHECK(assigned.from().local() == "d");
    const Stanza none = Stanza();
    const Stanza none_copied = none;
    CHECK(none_copied.to().empty());
    CHECK(none_copied.xml().empty());
}

TEST_CASE("setters write what they say, and a stanza may be given its own address")
{
    Stanza stanza(Kind::message, Type::chat);
    const auto to = *Jid::parse("a@b/c'<");
    stanza.set_to(to).set_from(*Jid::parse("d@e")).set_id("1").set_lang("en");
    CHECK(stanza.xml()
        == "<message type='chat' to='a@b/c&apos;&lt;' from='d@e' id='1' xml:lang='en'/>");
    stanza.set_to(stanza.to().bare());
    CHECK(stanza.to().text() == "a@b");
    stanza.set_from(stanza.to()).remove_to().set_type(Type::none);
    CHECK(stanza.xml() == "<message from='a@b' id='1' xml:lang='en'/>");
    CHECK(stanza.to().empty());
    CHECK(stanza.remove_from().from().empty());
}

TEST_CASE("the body without a language comes first")
{
    CHECK(parse("<message><body xml:lang='de'>ja</body><body>yes</body></message>").stanza.body()
        == "yes");
    CHECK(parse("<message><body xml:lang='de'>ja</body><body xml:lang='fr'>oui</body></message>")
              .stanza.body()
        == "ja");
    CHECK(parse("<message><body xmlns='u'>no</body></message>").stanza.body().empty());
}

TEST_CASE("a reply goes back, and an error does with its reason")
{
    const auto query
        = parse("<iq type='get' id='7' to='a@b/c' from='d@e/f'><q xmlns='u'>x</q></iq>").stanza;
    CHECK(query.reply().xml() == "<iq type='result' to='d@e/f' from='a@b/c' id='7'/>");
    const StanzaError gone { .condition = Condition::gone, .text = "moved", .uri = "xmpp:g@h" };
    auto request = parse("<iq xmlns:x='urn:x' type='set' x:to='1' other='2' from='a@b/c' id='7' "
                         "to='d@e/f' xml:lang='en'><x xmlns='u'>text</x></iq>")
                       .stanza;
    const std::string answer = request.reply().xml();
    const Stanza in_place = std::move(request).reply();
    CHECK(in_place.from().text() == "d@e/f");
    CHECK(in_place.to().text() == "a@b/c");
    CHECK(in_place.type() == Type::result);
    CHECK(in_place.id() == "7");
    CHECK(in_place.xml().size() == answer.size()); // whatever the order of attributes
    CHECK(query.error_reply(gone).xml()
        == "<iq type='error' to='d@e/f' from='a@b/c' id='7'><error type='cancel'>"
           "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:g@h</gone>"
           "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' "
           "xml:lang='en'>moved</text></error></iq>");
    const auto with_payload = query.error_reply(gone, Stanza::Payload::include);
    CHECK(with_payload.payload().is("q", "u"));
    CHECK(with_payload.error().condition == Condition::gone);
    CHECK(with_payload.error().uri == "xmpp:g@h");
    CHECK(parse("<message type='chat' from='a@b'/>").stanza.reply().type() == Type::chat);
}

TEST_CASE("fan-out replaces the recipient and copies the children's bytes")
{
    const auto text = "<message type='chat' to='a@b' from='c@d' id='1'><body>a&gt;b</body>"
                      "<x xmlns=\"u\"  /></message>";
    auto stanza = parse(text).stanza;
    std::string out;
    stanza.append_xml_to(out, Jid::parse("e@f/g'h")->view());
    CHECK(out
        == "<message type='chat' from='c@d' id='1' to='e@f/g&apos;h'><body>a&gt;b</body>"
           "<x xmlns=\"u\"  /></message>");
    stanza.element().add("y");
    CHECK(stanza.xml()
        == "<message type='chat' to='a@b' from='c@d' id='1'><body>a&gt;b</body><x "
           "xmlns='u'/><y/></message>");
}

TEST_CASE("content namespaces are translated between streams, others are declared")
{
    const auto stanza = parse("<message><body>x</body></message>", ns_server).stanza;
    CHECK(stanza.xml(ns_client) == "<message><body>x</body></message>");
    CHECK(stanza.xml(ns_server) == "<message><body>x</body></message>");
    CHECK(stanza.xml("") == "<message xmlns='jabber:server'><body>x</body></message>");
    auto changed = stanza;
    changed.element().add("y");
    CHECK(changed.xml(ns_client) == "<message><body>x</body><y/></message>");
}
