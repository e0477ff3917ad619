#include "form.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::adhoc;

namespace {

Questions sample()
{
    return { .title = "Sample",
        .form_type = "urn:sample",
        .fields = { { .var = "jid", .type = "jid-single", .is_required = true },
            { .var = "password", .type = "text-private", .values = { "hush" } },
            { .var = "loud", .type = "boolean" },
            { .var = "size", .type = "list-single", .options = { { "S", "small" } } },
            { .var = "whom", .type = "jid-multi" } } };
}

std::string read(std::string_view fields, std::size_t most = 2)
{
    const auto form
        = parse_element("<x xmlns='jabber:x:data' type='submit'>" + std::string(fields) + "</x>");
    REQUIRE(form);
    const auto filled = read_form(*form, sample(), most);
    if (!filled)
        return "error: " + filled.error().text;
    std::string text;
    for (const auto& [var, values] : *filled) {
        text += var + '=';
        for (const std::string& value : values)
            text += value + ';';
    }
    return text;
}

const std::string jid = "<field var='jid'><value>a@b</value></field>";

}

TEST_CASE("a form shows its questions, and no secret")
{
    const std::string xml = to_string(blank_form(sample()));
    CHECK(xml.find("<field type='hidden' var='FORM_TYPE'><value>urn:sample</value></field>")
        != xml.npos);
    CHECK(xml.find("<field var='jid' type='jid-single'><required/></field>") != xml.npos);
    CHECK(xml.find("<option label='S'><value>small</value></option>") != xml.npos);
    CHECK(xml.find("hush") == xml.npos);
}

TEST_CASE("what was filled in is read by name; what was not asked for does not count")
{
    CHECK(read(jid) == "jid=a@b;");
    CHECK(read(jid + "<field var='email'><value>x</value></field><title>t</title>") == "jid=a@b;");
    CHECK(read(jid + "<field var='loud'><value>1</value></field>") == "jid=a@b;loud=1;");
    CHECK(read(jid + "<field var='loud'/>") == "jid=a@b;");
    CHECK(read(jid + "<field var='size'><value/></field>") == "jid=a@b;size=;");
    CHECK(read(jid + "<field var='FORM_TYPE'><value>urn:sample</value></field>") == "jid=a@b;");
}

TEST_CASE("what is wrong is told by the name of its field alone")
{
    CHECK(read("") == "error: jid: expected a value");
    CHECK(read(jid + jid) == "error: jid: expected one field of this name");
    CHECK(read("<field var='jid'><value>a</value><value>b</value></field>")
        == "error: jid: expected one value");
    CHECK(read(jid + "<field var='loud'><value>very</value></field>")
        == "error: loud: expected true or false");
    CHECK(read(jid + "<field var='size'><value>huge</value></field>")
        == "error: size: expected one of the options");
    CHECK(read(jid + "<field var='FORM_TYPE'><value>urn:other</value></field>")
        == "error: FORM_TYPE: expected urn:sample");
    CHECK_FALSE(read_form({}, sample(), 2));
    CHECK_FALSE(read_form(*parse_element("<x xmlns='jabber:x:data' type='form'/>"), sample(), 2));
}

TEST_CASE("a field has so many values and not one more")
{
    const std::string two = "<value>a@b</value><value>c@d</value>";
    CHECK(read(jid + "<field var='whom'>" + two + "</field>") == "jid=a@b;whom=a@b;c@d;");
    CHECK(read(jid + "<field var='whom'>" + two + "<value>e@f</value></field>")
        == "error: whom: has more than 2 values");
}

TEST_CASE("what XML cannot hold does not get into a stanza")
{
    CHECK(printable("tab\tand\nline") == "tab\tand\nline");
    CHECK(printable("bell\a") == "bell\xEF\xBF\xBD");
    CHECK(printable(std::string_view("nul\0", 4)) == "nul\xEF\xBF\xBD");
    CHECK(printable("Z\xC3\xBCrich \xF0\x9F\x98\x80") == "Z\xC3\xBCrich \xF0\x9F\x98\x80");
    CHECK(printable("\xFF") == "\xEF\xBF\xBD"); // no UTF-8 at all
    CHECK(printable("\xC3") == "\xEF\xBF\xBD"); // cut off
    CHECK(printable("\xC0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD"); // too long for what it is
    CHECK(printable("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); // a surrogate
    CHECK(printable("\xEF\xBF\xBF") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); // U+FFFF
}

TEST_CASE("a long text ends in an ellipsis, and between two characters")
{
    CHECK(printable("12345", 5) == "12345");
    CHECK(printable("123456", 5) == "12345\xE2\x80\xA6");
    CHECK(printable("1234\xC3\xBC", 5) == "1234\xE2\x80\xA6");
}
