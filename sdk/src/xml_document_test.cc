#include <nuncio/xml.h>

#include <atomic>
#include <doctest/doctest.h>
#include <thread>
#include <vector>

using namespace nuncio;

namespace {

std::string document_error_of(std::string_view text)
{
    const auto document = parse_document(text);
    return document ? std::string() : document.error().text;
}

}

TEST_CASE("a document is read into the same tree as an element")
{
    const std::string element = "<a xmlns='u' xmlns:p='v' b='1' "
                                "p:c='&lt;'>t\xC3\xA9\xF0\x9F\x98\x80<p:d/><![CDATA[<x>]]></a>";
    const auto document = parse_document(
        "\xEF\xBB\xBF<?xml version='1.0' encoding='UTF-8'?>\n<!-- note --><?pi x?>" + element);
    REQUIRE_MESSAGE(document, document.error().text);
    CHECK(*document == *parse_element(element));
}

TEST_CASE("a document's errors name line and byte")
{
    CHECK(document_error_of("<a>\n<b>\n</a>") == "line 3, byte 10: expected end of tag 'b'");
    CHECK(document_error_of("<a>\n\xFF</a>")
        == "line 2, byte 4: not UTF-8, or a character that XML forbids");
    CHECK(document_error_of("<?xml version='1.0'?>\n<a><p:b/></a>").starts_with("line 2, byte "));
}

TEST_CASE("a document can neither declare a type nor bring entities")
{
    CHECK(document_error_of("<!-- x -->\n<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>")
        == "line 2, byte 11: a document type declaration is not allowed");
    CHECK(document_error_of("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>") != "");
    CHECK(document_error_of("<a>&e;</a>") != "");
    // No schema is looked for, wherever a document says that one lies.
    CHECK(parse_document("<a xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' "
                         "xsi:schemaLocation='u http://127.0.0.1:1/x.xsd'/>"));
}

TEST_CASE("only XML 1.0 in UTF-8 is a document")
{
    CHECK(document_error_of("<?xml version='1.1'?><a/>") != "");
    CHECK(document_error_of("<?xml version='1.0'?><?xml version='1.1'?><a>&#1;</a>") != "");
    CHECK(document_error_of("<?xml version='1.0' encoding='ISO-8859-1'?><a/>") != "");
    CHECK(document_error_of("<?xml version='1.0'") != "");
    CHECK(document_error_of("<a>&#1;</a>") != "");
    CHECK(document_error_of("") != "");
    CHECK(document_error_of("<a/><b/>") != "");
}

TEST_CASE("a document's namespaces are checked by us")
{
    CHECK(document_error_of("<a xmlns:xml='u'/>") != "");
    CHECK(document_error_of("<a xmlns:p='http://www.w3.org/2000/xmlns/'/>") != "");
    CHECK(document_error_of("<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>") != "");
    CHECK(document_error_of("<a xmlns:p='u'><b/></a>") == "");
    CHECK(document_error_of("<a><b xmlns:p='u'/><p:c/></a>") != "");
    CHECK(document_error_of("<a:b:c/>") != "");
    CHECK(document_error_of("<a b:1=''/>") != "");
}

TEST_CASE("a document nests 1024 elements and no more")
{
    const auto nested = [](std::size_t depth) {
        std::string text;
        for (std::size_t i = 0; i < depth; ++i)
            text += "<a>";
        for (std::size_t i = 0; i < depth; ++i)
            text += "</a>";
        return document_error_of(text);
    };
    CHECK(nested(1024) == "");
    CHECK(nested(1025) != "");
}

TEST_CASE("threads read documents at the same time")
{
    std::vector<std::thread> threads;
    std::atomic<int> read = 0;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&read] {
            for (int n = 0; n < 50; ++n)
                read += parse_document("<a><b c='d'>e</b></a>") ? 1 : 0;
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(read == 200);
}
