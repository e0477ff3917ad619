#include <nuncio/xml_stream.h>

#include <doctest/doctest.h>
#include <optional>

using namespace nuncio;
using Event = XmlStream::Event;
using Kind = XmlError::Kind;

namespace {

const std::string header = "<?xml version='1.0'?><stream:stream to='example.com' version='1.0' "
                           "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const std::string message
    = "<message to='romeo@example.net/x' type='chat' xml:lang='en'><body>Hi &amp; b\xC3\xA9 "
      "\r\n<![CDATA[<ok>]]></body><x:y xmlns:x='urn:x' x:z='1'/></message>";

/// What one stream said, as text.
std::string read(std::string_view text, std::size_t piece, const XmlLimits& limits = {})
{
    XmlStream stream(limits);
    std::string seen;
    while (!text.empty()) {
        // Each piece in memory of its own, gone when the next one comes.
        const std::string bytes(text.substr(0, piece));
        text.remove_prefix(bytes.size());
        std::string_view input = bytes;
        for (;;) {
            const auto event = stream.next(input);
            if (event == Event::need_more) {
                CHECK(input.empty());
                break;
            }
            if (event == Event::error)
                return seen + "error " + std::to_string(int(stream.error().kind)) + " "
                    + std::to_string(stream.error().offset) + " " + stream.error().text;
            if (event == Event::end) {
                seen += "end";
                continue;
            }
            const auto element = stream.take();
            seen += to_string(element) + " raw " + std::string(element.raw_children()) + "\n";
        }
    }
    return seen;
}

/// The error that `stanza` leads to inside a stream, or nothing.
std::optional<Kind> stream_error_of(std::string_view stanza, const XmlLimits& limits = {})
{
    XmlStream stream;
    std::string_view input = header;
    REQUIRE(stream.next(input) == Event::header);
    stream.set_limits(limits);
    input = stanza;
    for (;;) {
        const auto event = stream.next(input);
        if (event == Event::error)
            return stream.error().kind;
        if (event == Event::need_more || event == Event::end)
            return std::nullopt;
    }
}

std::optional<Kind> header_error(std::string_view text)
{
    XmlStream stream;
    return stream.next(text) == Event::error ? std::optional(stream.error().kind) : std::nullopt;
}

Element stanza_of(std::string_view text, std::string_view head = header)
{
    XmlStream stream;
    REQUIRE(stream.next(head) == Event::header);
    REQUIRE(stream.next(text) == Event::stanza);
    return stream.take();
}

}

TEST_CASE("where the bytes are cut makes no difference")
{
    const auto text = "\xEF\xBB\xBF" + header + "\n" + message + " <presence/>\t" + message
        + "<iq id='&#0065;&lt;'></iq ></stream:stream > ";
    const auto whole = read(text, text.size());
    CHECK(whole.find("error") == whole.npos);
    CHECK(whole.ends_with("end"));
    for (std::size_t piece = 1; piece < text.size(); ++piece)
        CHECK(read(text, piece) == whole);
}

TEST_CASE("where the bytes are cut makes no difference to an error either")
{
    for (const auto* wrong :
        { "<a></b>", "<a b=\"<\"/>", "<a>\xE2\x28\xA1</a>", "<a><!-- x --></a>", "<a b='1' b='2'/>",
            "<p:a/>", "<a>&nbsp;</a>", "<a>]]></a>", "x", "<a b='1'c='2'/>" }) {
        const auto text = header + wrong;
        const auto whole = read(text, text.size());
        CHECK(whole.find("error") != whole.npos);
        for (std::size_t piece = 1; piece < 9; ++piece)
            CHECK(read(text, piece) == whole);
    }
}

TEST_CASE("the header is an element, and its namespace is that of stanzas")
{
    XmlStream stream;
    std::string_view input = header;
    REQUIRE(stream.next(input) == Event::header);
    const auto head = stream.take();
    CHECK(head.is("stream", "http://etherx.jabber.org/streams"));
    CHECK(head.attr("to") == "example.com");
    CHECK(stream.default_ns() == "jabber:client");
}

TEST_CASE("a header that closes itself is a header and an end")
{
    XmlStream stream;
    std::string_view input = "<a xmlns='u'/>";
    CHECK(stream.next(input) == Event::header);
    CHECK(stream.next(input) == Event::end);
    CHECK(stream.next(input) == Event::need_more);
    input = " x";
    CHECK(stream.next(input) == Event::error);
}

TEST_CASE("an element outlives its stream, whatever the header declared")
{
    const std::string own = "<s:stream xmlns='urn:mine' xmlns:s='urn:s' xmlns:p='urn:p'>";
    const auto element = stanza_of("<p:a p:b='1'><c/></p:a>", own);
    CHECK(element.is("a", "urn:p"));
    CHECK(element.attr("b", "urn:p") == "1");
    CHECK(element.first_child().is("c", "urn:mine"));
}

TEST_CASE("the XML declaration is read strictly")
{
    const auto verdict
        = [](const char* declaration) { return header_error(declaration + std::string("<a/>")); };
    for (const auto* good : { "", "<?xml version='1.0'?>", "<?xml version=\"1.0\" ?>\n",
             "<?xml  version = '1.0' encoding='utf-8'?>",
             "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>",
             "<?xml version='1.0' standalone=\"no\"?>", "\xEF\xBB\xBF",
             "\xEF\xBB\xBF<?xml version='1.0'?>", "\n  " })
        CHECK_MESSAGE(!verdict(good), good);
    for (const auto* bad : { "<?xml version='1.1'?>", "<?xml version=\"1.0'?>",
             "<?xml encoding='UTF-8'?>", "<?xml version='1.0'encoding='UTF-8'?>",
             "<?xml version='1.0' standalone='maybe'?>", "<?xml version='1.0' x='y'?>",
             "<?xml version='1.0' standalone='no' encoding='UTF-8'?>", "\xEF\xBB\xBF\xEF\xBB\xBF" })
        CHECK_MESSAGE(verdict(bad) == Kind::not_well_formed, bad);
    CHECK(verdict("<?xml version='1.0' encoding='ISO-8859-1'?>") == Kind::bad_encoding);
    CHECK(verdict(" <?xml version='1.0'?>") == Kind::restricted);
    CHECK(verdict("<?xml version='1.0'?><?xml version='1.0'?>") == Kind::restricted);
    CHECK(verdict("<?xml-stylesheet href='x'?>") == Kind::restricted);
    CHECK(verdict("<?xml?>") == Kind::restricted);
    CHECK(verdict("<!DOCTYPE a>") == Kind::restricted);
    CHECK(verdict("HTTP/1.1 ") == Kind::not_well_formed);
    const std::string room(256 - std::string("<?xml version='1.0'?>").size(), ' ');
    CHECK(!header_error("<?xml version='1.0'" + room + "?><a/>"));
    CHECK(header_error("<?xml version='1.0' " + room + "?><a/>") == Kind::limit);
}

TEST_CASE("after a restart a new header is expected, and white space before it forgiven")
{
    XmlStream stream;
    std::string_view input = header;
    REQUIRE(stream.next(input) == Event::header);
    stream.restart();
    const auto again = " \n" + header + "<a/>";
    input = again;
    CHECK(stream.next(input) == Event::header);
    CHECK(stream.next(input) == Event::stanza);
}

TEST_CASE("elements that stand alone need no header")
{
    XmlStream stream;
    stream.expect_single_elements();
    std::string_view input = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
    REQUIRE(stream.next(input) == Event::stanza);
    CHECK(stream.take().is("open", "urn:ietf:params:xml:ns:xmpp-framing"));
    input = "<message xmlns='jabber:client'><body/></message>";
    REQUIRE(stream.next(input) == Event::stanza);
    CHECK(stream.take().raw_children() == "<body/>");
    input = "</open>";
    CHECK(stream.next(input) == Event::error);
}

TEST_CASE("what RFC 6120 restricts is refused as restricted")
{
    for (const auto* text : { "<!-- c -->", "<?pi?>", "<!DOCTYPE a>", "<a><!-- c --></a>",
             "<a><?pi?></a>", "<a>&foo;</a>", "<a b='&foo;'/>" })
        CHECK_MESSAGE(stream_error_of(text) == Kind::restricted, text);
}

TEST_CASE("what is not well-formed is refused")
{
    for (const auto* text :
        { "text", "&#32;<a/>", "<![CDATA[x]]>", "< a/>", "<1/>", "<a", "<a></b>" }) {
        if (std::string_view(text) != "<a")
            CHECK_MESSAGE(stream_error_of(text) == Kind::not_well_formed, text);
    }
    for (const auto* text :
        { "<a b/>", "<a b=c/>", "<a b='c'd='e'/>", "<a b='<'/>", "<a b='1' b='2'/>", "<a>]]></a>",
            "<a>&</a>", "<a>&;</a>", "<a>&#;</a>", "<a>&#x;</a>", "<a>&#0;</a>", "<a>&#xD800;</a>",
            "<a>&#xFFFE;</a>", "<a>&#x110000;</a>", "<a>&#99999999999999;</a>", "<a>\x01</a>",
            "<a>\xEF\xBF\xBF</a>", "<a b='\x02'/>", "<a/ >", "</a>", "<a></a b>", "<a:/>", "<:a/>",
            "<a:b:c xmlns:a='u'/>", "<a:1 xmlns:a='u'/>", "<a xmlns:p=''/>",
            "<a xmlns='u' xmlns='u'/>", "<a xmlns:p='u' xmlns:p='u'/>",
            "<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>", "<\xC3\x97/>", "<a\xC2\xA0/>", "<!x>" })
        CHECK_MESSAGE(stream_error_of(text) == Kind::not_well_formed, text);
}

TEST_CASE("bytes that are no UTF-8 are refused as such")
{
    for (const auto* text : { "<a>\xFF</a>", "<a>\xC0\x80</a>", "<a>\xE0\x80\x80</a>",
             "<a>\xED\xA0\x80</a>", "<a>\xF4\x90\x80\x80</a>", "<a>\x80</a>", "<a b='\xC3('/>",
             "<\xC3(/>", "<a><![CDATA[\xFE]]></a>" })
        CHECK_MESSAGE(stream_error_of(text) == Kind::bad_encoding, text);
}

TEST_CASE("prefixes are resolved, and reserved ones guarded")
{
    for (const auto* text : { "<p:a/>", "<a p:b=''/>", "<a xmlns:xml='u'/>", "<a xmlns:xmlns='u'/>",
             "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
             "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>", "<xmlns:a/>",
             "<a xmlns='http://www.w3.org/2000/xmlns/'/>", "<a><b xmlns:p='u'/><p:c/></a>" })
        CHECK_MESSAGE(stream_error_of(text) == Kind::bad_namespace_prefix, text);
    CHECK(!stream_error_of("<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>"));
    const auto element
        = stanza_of("<p:a xmlns:p='u' xmlns='d'><b xmlns=''><p:c/></b><stream:d/></p:a>");
    CHECK(element.is("a", "u"));
    CHECK(element.child("b", "").child("c", "u"));
    CHECK(element.child("d", "http://etherx.jabber.org/streams"));
}

TEST_CASE("text and values are normalised as XML says")
{
    const auto element
        = stanza_of("<a v=' \t\r\n\r&#9;&#13;&quot;'>1\r\n2\r3&#13;<![CDATA[\r\n&lt;]]>&#x1F600;"
                    "&#0000000065;]]&gt;</a>");
    CHECK(element.attr("v") == "    \t\r\"");
    CHECK(element.text()
        == "1\n2\n3\r\n&lt;\xF0\x9F\x98\x80"
           "A]]>");
    CHECK(element.ref().text_view() == element.text());
    CHECK(stanza_of("<a>x<![CDATA[]]></a>").text() == "x");
    CHECK(!stanza_of("<a><![CDATA[]]></a>").ref().node()->first_child);
}

TEST_CASE("children's bytes are kept only when they mean the same elsewhere")
{
    const auto raw
        = [](std::string_view text) { return std::string(stanza_of(text).raw_children()); };
    CHECK(raw("<a><b/>t</a>") == "<b/>t");
    CHECK(raw("<a xmlns='u'><b/></a>") == "<b/>");
    CHECK(raw("<a><p:b xmlns:p='u'><p:c/></p:b></a>") == "<p:b xmlns:p='u'><p:c/></p:b>");
    CHECK(raw("<a><b xml:lang='en'/></a>") == "<b xml:lang='en'/>");
    CHECK(raw("<a><stream:b/></a>").empty()); // declared by the header
    CHECK(raw("<a xmlns:p='u'><p:b/></a>").empty()); // declared by the root
    CHECK(raw("<a xmlns:p='u'><b p:c=''/></a>").empty());
    CHECK(raw("<p:a xmlns:p='u'><b/></p:a>").empty()); // b is in another namespace than a
    CHECK(raw("<a/>").empty());
}

TEST_CASE("every limit holds at N and breaks at N + 1")
{
    const auto sized = [](std::size_t size) { return "<a>" + std::string(size - 7, 'x') + "</a>"; };
    CHECK(!stream_error_of(sized(300), { .bytes = 300 }));
    CHECK(stream_error_of(sized(301), { .bytes = 300 }) == Kind::limit);
    CHECK(!stream_error_of("<a><a><a/></a></a>", { .depth = 3 }));
    CHECK(stream_error_of("<a><a><a><a/></a></a></a>", { .depth = 3 }) == Kind::limit);
    CHECK(!stream_error_of("<a b='' c=''/>", { .attributes = 2 }));
    CHECK(stream_error_of("<a b='' c='' xmlns='u'/>", { .attributes = 2 }) == Kind::limit);
    CHECK(!stream_error_of("<a>t<b/>t</a>", { .children = 3 }));
    CHECK(stream_error_of("<a>t<b/>t<c/></a>", { .children = 3 }) == Kind::limit);
    CHECK(stream_error_of("<a>t<b/>t<c/>t</a>", { .children = 4 }) == Kind::limit);
    const std::string name(40, 'n');
    const XmlLimits names { .name_bytes = 40 };
    CHECK(!stream_error_of("<" + name + "/>", names));
    CHECK(stream_error_of("<" + name + "n/>", names) == Kind::limit);
    CHECK(stream_error_of("<a " + name + "n=''/>", names) == Kind::limit);
    CHECK(!stream_error_of("<a xmlns='" + name + "'/>", names));
    CHECK(stream_error_of("<a xmlns='" + name + "n'/>", names) == Kind::limit);
    CHECK(stream_error_of("<a xmlns:p='" + name + "n'/>", names) == Kind::limit);
    // One prefix is the header's.
    CHECK(
        !stream_error_of("<a xmlns:p='u'><b xmlns:q='u'/><b xmlns:r='u'/></a>", { .prefixes = 3 }));
    CHECK(stream_error_of("<a xmlns:p='u'><b xmlns:q='u' xmlns:r='u'/></a>", { .prefixes = 3 })
        == Kind::limit);
    const auto zeros
        = [](std::size_t size) { return "<a>&#" + std::string(size - 5, '0') + "65;</a>"; };
    CHECK(!stream_error_of(zeros(64)));
    CHECK(stream_error_of(zeros(65)) == Kind::limit);
}

TEST_CASE("limits hold for bytes that never end, and for the header")
{
    for (const auto* endless : { "x", "<b/>", "<", "<b c='", "&amp;", "<![CDATA[", " " }) {
        XmlStream stream({ .bytes = 5000, .children = 100000 });
        std::string_view input = header;
        REQUIRE(stream.next(input) == Event::header);
        input = "<a>";
        auto event = stream.next(input);
        std::size_t given = 3;
        while (event == Event::need_more && given < 20000) {
            input = endless;
            given += input.size();
            event = stream.next(input);
        }
        CHECK(event == Event::error);
        CHECK(given <= 5009);
    }
    XmlStream stream({ .bytes = 100 });
    const auto long_header = "<a b='" + std::string(100, 'x');
    std::string_view input = long_header;
    CHECK(stream.next(input) == Event::error);
    CHECK(stream.error().kind == Kind::limit);
}

TEST_CASE("many attributes are checked for duplicates too")
{
    std::string tag = "<a";
    for (int i = 0; i < 100; ++i)
        tag += " a" + std::to_string(i) + "=''";
    CHECK(!stream_error_of(tag + "/>", { .attributes = 101 }));
    CHECK(stream_error_of(tag + " a50=''/>", { .attributes = 101 }) == Kind::not_well_formed);
}

TEST_CASE("an idle stream holds less than 200 bytes")
{
    XmlStream stream;
    CHECK(stream.memory() < 200);
    const auto text = header + message;
    std::string_view input = text;
    REQUIRE(stream.next(input) == Event::header);
    stream.take();
    REQUIRE(stream.next(input) == Event::stanza);
    stream.take();
    CHECK(stream.memory() < 200);
    for (const char c : message) {
        input = { &c, 1 };
        stream.next(input);
    }
    stream.take();
    CHECK(stream.memory() < 200);
    input = "<message to='";
    stream.next(input);
    CHECK(stream.memory() > 200);
    CHECK(stream.memory() < 4096);
}

TEST_CASE("memory for an unfinished stanza stays in proportion to its bytes")
{
    XmlStream stream;
    std::string_view input = header;
    REQUIRE(stream.next(input) == Event::header);
    stream.take();
    input = "<a>";
    stream.next(input);
    std::size_t given = 3;
    for (int i = 0; i < 5000; ++i) {
        input = "<b c=''/>";
        given += input.size();
        REQUIRE(stream.next(input) == Event::need_more);
    }
    CHECK(stream.memory() < given * 25 + 8192);
}

TEST_CASE("a stream goes on after it was moved in the middle of a stanza")
{
    XmlStream stream;
    const auto text = header + message;
    std::string_view input = std::string_view(text).substr(0, header.size() + 40);
    REQUIRE(stream.next(input) == Event::header);
    REQUIRE(stream.next(input) == Event::need_more);
    XmlStream moved = std::move(stream);
    input = std::string_view(text).substr(header.size() + 40);
    CHECK(moved.next(input) == Event::stanza);
    CHECK(moved.take() == stanza_of(message));
}

TEST_CASE("the work for tokens that arrive byte by byte is in proportion to their bytes")
{
    const std::string much(20000, 'x');
    const std::string spaces(20000, ' ');
    std::string references;
    for (int i = 0; i < 2000; ++i)
        references += "&#0000000000000000000065;";
    std::string multibyte;
    for (int i = 0; i < 5000; ++i)
        multibyte += "\xF0\x9F\x98\x80";
    const std::string name(1000, 'n');
    for (const auto& text :
        { "<a>" + much + "</a>", "<a b='" + much + "'/>", "<a>" + references + "</a>",
            "<a b='" + multibyte + "'/>", "<a><![CDATA[" + much + "]]></a>", "<a" + spaces + "/>",
            "<a b" + spaces + "=" + spaces + "''/>", "<a></a" + spaces + ">",
            "<" + name + "></" + name + ">",
            "<a><![CDATA[" + std::string(20000, ']') + "]]></a>" }) {
        XmlStream stream;
        std::string_view input = header;
        REQUIRE(stream.next(input) == Event::header);
        const auto before = stream.work();
        auto event = Event::need_more;
        for (const char& c : text) {
            input = { &c, 1 };
            event = stream.next(input);
        }
        CHECK(event == Event::stanza);
        // A reference is read again for each of its bytes, and it has at most 64.
        CHECK(stream.work() - before < 40 * text.size());
    }
}

TEST_CASE("many stanzas in one piece are each looked at once")
{
    std::string text = header;
    for (int i = 0; i < 1000; ++i)
        text += message;
    XmlStream stream;
    std::string_view input = text;
    REQUIRE(stream.next(input) == Event::header);
    for (int i = 0; i < 1000; ++i)
        REQUIRE(stream.next(input) == Event::stanza);
    CHECK(stream.work() == text.size());
}
