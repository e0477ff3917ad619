#include "stream_header.h"

#include <nuncio/ns.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

Element header(std::string_view version = "1.0")
{
    Element element("stream", ns_streams);
    element.attr("to", "capulet.lit").attr("version", version);
    return element;
}

bool refuses(ElementRef element, std::string_view default_ns, StreamError::Condition condition)
{
    const auto read = read_stream_header(element, default_ns);
    return read.error && read.error->condition == condition;
}

}

TEST_CASE("a header is read with its addresses prepared")
{
    auto element = header();
    element.attr("to", "CAPULET.lit")
        .attr("from", "Juliet@capulet.lit/x")
        .attr("lang", "it", ns_xml);
    const auto read = read_stream_header(element, ns_client);
    CHECK_FALSE(read.error);
    CHECK(read.to == "capulet.lit");
    CHECK(read.from == "juliet@capulet.lit");
    CHECK(read.lang == "it");
}

TEST_CASE("what is no language or address is left out")
{
    auto element = header();
    element.attr("from", "@").attr("lang", "it'<", ns_xml);
    const auto read = read_stream_header(element, ns_client);
    CHECK(read.from.empty());
    CHECK(read.lang.empty());
    element.attr("lang", std::string(36, 'a'), ns_xml);
    CHECK(read_stream_header(element, ns_client).lang.empty());
    element.attr("lang", std::string(35, 'a'), ns_xml);
    CHECK(read_stream_header(element, ns_client).lang.size() == 35);
}

TEST_CASE("versions compare as numbers, and a higher one than ours is welcome")
{
    using enum StreamError::Condition;
    for (const char* version : { "1.0", "1.1", "2.0", "01.0", "10.25" })
        CHECK_FALSE(read_stream_header(header(version), ns_client).error);
    for (const char* version : { "", "0.9", "0.10", "1", "1.", ".1", "-1.0", "1.x", "999999.0" })
        CHECK(refuses(header(version), ns_client, unsupported_version));
}

TEST_CASE("wrong namespaces and elements are refused")
{
    using enum StreamError::Condition;
    CHECK(refuses(Element("stream", "urn:wrong"), ns_client, invalid_namespace));
    CHECK(refuses(header(), ns_server, invalid_namespace));
    CHECK(refuses(header(), "", invalid_namespace));
    CHECK(refuses(Element("streams", ns_streams), ns_client, bad_format));
}

TEST_CASE("our header escapes what it repeats")
{
    std::string xml;
    append_stream_header(xml, "id", "capulet.lit", "o'hara@capulet.lit");
    CHECK(xml
        == "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
           "xmlns:stream='http://etherx.jabber.org/streams' id='id' from='capulet.lit' "
           "to='o&apos;hara@capulet.lit' version='1.0' xml:lang='en'>");
}
