#include <nuncio/stanza.h>
#include <nuncio/xml_stream.h>

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("a stream is read in one piece and byte by byte")
{
    const std::string text
        = "<?xml version='1.0'?><stream:stream to='a' xmlns='jabber:client' "
          "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
          "<message to='Juliet@example.com/a&amp;b' type='chat'><body>Hi &lt;there&gt;"
          "</body><x xmlns='jabber:x:data'><y/></x></message> <presence/></stream:stream>";
    for (std::size_t piece : { text.size(), std::size_t(1), std::size_t(7) }) {
        XmlStream stream;
        std::string seen;
        for (std::size_t at = 0; at < text.size(); at += piece) {
            auto input = std::string_view(text).substr(at, piece);
            for (;;) {
                const auto event = stream.next(input);
                if (event == XmlStream::Event::need_more)
                    break;
                if (event == XmlStream::Event::error) {
                    FAIL(stream.error().text << stream.error().offset);
                    return;
                }
                if (event == XmlStream::Event::end) {
                    seen += "END";
                    break;
                }
                auto element = stream.take();
                seen += to_string(element, "jabber:client") + "|"
                    + std::string(element.raw_children()) + "\n";
            }
        }
        CHECK(seen
            == "<stream xmlns='http://etherx.jabber.org/streams' to='a' version='1.0'/>|\n"
               "<message to='Juliet@example.com/a&amp;b' type='chat'><body>Hi "
               "&lt;there&gt;</body><x xmlns='jabber:x:data'><y/></x></message>"
               "|<body>Hi &lt;there&gt;</body><x "
               "xmlns='jabber:x:data'><y/></x>\n<presence/>|\nEND");
    }
}

TEST_CASE("a stanza is checked, answered and written")
{
    auto parsed
        = Stanza::parse(*parse_element("<iq xmlns='jabber:client' to='JULIET@Example.com/R' "
                                       "from='a@b/c' type='get' id='1'><q xmlns='x'/></iq>"));
    CHECK(!parsed.error);
    CHECK(parsed.stanza.to().text() == "juliet@example.com/R");
    const auto copy = parsed.stanza;
    const auto moved = std::move(parsed.stanza);
    CHECK(copy.to() == moved.to());
    CHECK(copy.to().text().data() != moved.to().text().data());
    CHECK(moved.error_reply({ .condition = StanzaError::Condition::gone, .text = "hm", .uri = "u" })
              .xml()
        == "<iq type='error' to='a@b/c' from='juliet@example.com/R' id='1'><error "
           "type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>u</gone><text "
           "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>hm</text></error></iq>");
    CHECK(Jid::parse("Ä@münchen.de/x")->text() == "ä@münchen.de/x");
    CHECK(!Jid::parse("a@b@c"));
}
