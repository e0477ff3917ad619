#include "answer.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::adhoc;

namespace {

Answer shown(const char* json, const AnswerBounds& bounds = {})
{
    return show(*Value::parse_json(json), "sample", bounds);
}

std::string xml(const Answer& answer)
{
    return answer.form ? to_string(answer.form) : std::string();
}

const AdminNode& node(std::string_view name)
{
    for (const AdminNode& one : admin_nodes())
        if (one.node == name)
            return one;
    FAIL("no such node");
    return admin_nodes().front();
}

std::string values_of(const Answer& answer, std::string_view var)
{
    std::string text;
    for (ElementRef field : answer.form)
        if (field.attr("var") == var)
            for (ElementRef value : field)
                text += value.text() + ';';
    return text;
}

}

TEST_CASE("a table becomes fields")
{
    const Answer answer
        = shown(R"({"jid":"a@b","count":3,"on":true,"names":["x","y"],"none":null})");
    CHECK(answer.notes.empty());
    CHECK(xml(answer).find(
              "<field var='jid' type='jid-single' label='jid'><value>a@b</value></field>")
        != std::string::npos);
    CHECK(values_of(answer, "count") == "3;");
    CHECK(values_of(answer, "on") == "true;");
    CHECK(values_of(answer, "names") == "x;y;");
    CHECK(values_of(answer, "none") == ";");
}

TEST_CASE("rows within a table are told in words")
{
    const Answer answer = shown(R"({"hosts":[{"domain":"a","sessions":1},{"domain":"b"}]})");
    CHECK(values_of(answer, "hosts") == "domain a, sessions 1;domain b;");
}

TEST_CASE("an array of tables becomes a table, whose items have every column")
{
    CHECK(xml(shown(R"([{"jid":"a@b","x":1},{"jid":"c@d","y":["p","q"]}])"))
        == "<x xmlns='jabber:x:data' type='result'><title>sample</title><reported>"
           "<field var='jid' type='jid-single' label='jid'/><field var='x' type='text-single' "
           "label='x'/><field var='y' type='text-single' label='y'/></reported>"
           "<item><field var='jid'><value>a@b</value></field><field "
           "var='x'><value>1</value></field>"
           "<field var='y'><value/></field></item>"
           "<item><field var='jid'><value>c@d</value></field><field var='x'><value/></field>"
           "<field var='y'><value>p, q</value></field></item></x>");
}

TEST_CASE("what is empty says so in a note")
{
    for (const char* nothing : { "null", "{}", "[]" }) {
        const Answer answer = shown(nothing);
        CHECK_FALSE(answer.form);
        REQUIRE(answer.notes.size() == 1);
        CHECK(answer.notes[0].type == Note::Type::info);
    }
}

TEST_CASE("so many rows are shown and not one more")
{
    const AnswerBounds two { .rows = 2 };
    CHECK(shown(R"([{"a":1},{"a":2}])", two).notes.empty());
    const Answer more = shown(R"([{"a":1},{"a":2},{"b":3}])", two);
    REQUIRE(more.notes.size() == 1);
    CHECK(more.notes[0].type == Note::Type::warn);
    CHECK(more.notes[0].text == "only the first 2 of 3 are shown");
    CHECK(xml(more).find("var='b'") == std::string::npos);
    CHECK(shown(R"({"l":[1,2]})", two).notes.empty());
    CHECK(values_of(shown(R"({"l":[1,2,3]})", two), "l") == "1;2;");
    CHECK(shown(R"({"l":[1,2,3]})", two).notes.size() == 1);
}

TEST_CASE("a cell has so many bytes")
{
    const AnswerBounds five { .cell_bytes = 5 };
    CHECK(values_of(shown(R"({"a":"12345"})", five), "a") == "12345;");
    CHECK(values_of(shown(R"({"a":"123456"})", five), "a") == "12345\xE2\x80\xA6;");
}

TEST_CASE("XEP-0133: answers are found where the table says")
{
    const Value sessions = *Value::parse_json(
        R"([{"jid":"b@h/x","address":"::1"},{"jid":"b@h/y","address":"::1"},{"jid":"a@h/z","address":"::2"}])");
    const auto admin = [&](std::string_view name, const Value& value) {
        return show_admin({ value }, node(name), {});
    };
    CHECK(values_of(admin("get-online-users-list", sessions), "onlineuserjids") == "a@h;b@h;");
    CHECK(values_of(admin("get-online-users-num", sessions), "onlineusersnum") == "2;");
    const Answer stats = admin("get-user-stats", sessions);
    CHECK(values_of(stats, "ipaddresses") == "::1;::2;");
    CHECK(values_of(stats, "onlineresources") == "x;y;z;");
    CHECK(values_of(stats, "FORM_TYPE") == "http://jabber.org/protocol/admin;");
    const Answer count
        = admin("get-disabled-users-num", *Value::parse_json(R"({"registered":5,"disabled":2})"));
    CHECK(values_of(count, "disabledusersnum") == "2;");
    const Answer done = admin("delete-user", *Value::parse_json(R"({"unregistered":"a@h"})"));
    CHECK_FALSE(done.form);
    REQUIRE(done.notes.size() == 1);
    CHECK(done.notes[0].text == "unregistered a@h");
}
