#include "scanner.h"

#include <doctest/doctest.h>
#include <string>

using namespace nuncio::bench;

TEST_CASE("an element ends with its own end tag")
{
    const std::string input = "<a x='>'><b/><a>t</a></a><c/>";
    const auto first = scan(input);
    CHECK(first.kind == ItemKind::element);
    CHECK(first.text == "<a x='>'><b/><a>t</a></a>");
    CHECK(scan(std::string_view(input).substr(first.consumed)).text == "<c/>");
}

TEST_CASE("every proper prefix of a stanza is incomplete")
{
    const std::string stanza = "<message id=\"1\" to='a'><body>x &gt; y</body><e/></message>";
    for (std::size_t length = 0; length < stanza.size(); ++length)
        CHECK(scan(stanza.substr(0, length)).kind == ItemKind::incomplete);
    CHECK(scan(stanza).text == stanza);
}

TEST_CASE("the stream's tags are items of their own, and the XML declaration is skipped")
{
    const auto open = scan("<?xml version='1.0'?><stream:stream id='1'><stream:features/>");
    CHECK(open.kind == ItemKind::stream_open);
    CHECK(attribute(open.text, "id") == "1");
    CHECK(scan(" \n</stream:stream>").kind == ItemKind::stream_close);
    CHECK(scan("<?xml version='1.0'?>").kind == ItemKind::incomplete);
    CHECK(scan("text").kind == ItemKind::malformed);
}

TEST_CASE("an attribute is found by its whole name, in either quotes, in the start tag only")
{
    const std::string element
        = "<iq xid='no' note=\"id='no'\" id='yes' type=\"result\"><a to='no'/></iq>";
    CHECK(attribute(element, "id") == "yes");
    CHECK(attribute(element, "type") == "result");
    CHECK(attribute(element, "to").empty());
}

TEST_CASE("text of the element or of what is in it")
{
    CHECK(text_of("<iq><bind><jid>a@b/c</jid></bind></iq>", "jid") == "a@b/c");
    CHECK(text_of("<success xmlns='s'>dg==</success>", "success") == "dg==");
    CHECK(text_of("<success xmlns='s'/>", "success").empty());
}
