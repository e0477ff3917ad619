#include <nuncio/error.h>
#include <nuncio/ns.h>

#include <doctest/doctest.h>
#include <set>

using namespace nuncio;

TEST_CASE("every stanza error goes to XML and comes back")
{
    using enum StanzaError::Condition;
    std::set<std::string_view> names;
    for (int i = int(bad_request); i <= int(unexpected_request); ++i) {
        const auto condition = static_cast<StanzaError::Condition>(i);
        const auto name = to_string(condition);
        CHECK(names.insert(name).second);
        CHECK(stanza_condition(name) == condition);
        const StanzaError error {
            .condition = condition, .text = "why <&>", .lang = "de", .uri = "xmpp:a@b"
        };
        const auto element = error.element(ns_client);
        CHECK(element.is("error", ns_client));
        CHECK(element.attr("type") == to_string(standard_type(condition)));
        CHECK(element.child(name, ns_stanza_errors));
        const auto again = StanzaError::from(*parse_element(to_string(element.ref())));
        CHECK(again.condition == condition);
        CHECK(again.text == "why <&>");
        CHECK(again.lang == "de");
        CHECK(again.type == standard_type(condition));
        CHECK(again.uri == (condition == gone || condition == redirect ? "xmpp:a@b" : ""));
    }
    CHECK(names.size() == 22);
    CHECK(stanza_condition("never-heard-of") == undefined_condition);
}

TEST_CASE("the types of RFC 6120 §8.3.3 go with the conditions")
{
    using enum StanzaError::Condition;
    using enum StanzaError::Type;
    CHECK(standard_type(bad_request) == modify);
    CHECK(standard_type(forbidden) == auth);
    CHECK(standard_type(item_not_found) == cancel);
    CHECK(standard_type(resource_constraint) == wait);
    CHECK(standard_type(service_unavailable) == cancel);
    CHECK(StanzaError { .condition = policy_violation, .type = wait }.element("").attr("type")
        == "wait");
    CHECK(StanzaError { .condition = conflict, .type = continue_ }.element("").attr("type")
        == "continue");
}

TEST_CASE("an application's own condition is kept")
{
    const StanzaError error { .condition = StanzaError::Condition::not_acceptable,
        .application = Element("invalid-jid", "http://jabber.org/protocol/pubsub#errors") };
    const auto again = StanzaError::from(error.element(ns_client));
    CHECK(again.application == error.application);
    CHECK(again.text.empty());
    CHECK(!StanzaError::from(ElementRef()).application);
    CHECK(StanzaError::from(ElementRef()).condition == StanzaError::Condition::undefined_condition);
}

TEST_CASE("every stream error is written for a stream that declares the prefix")
{
    using enum StreamError::Condition;
    std::set<std::string_view> names;
    for (int i = int(bad_format); i <= int(unsupported_version); ++i) {
        const auto condition = static_cast<StreamError::Condition>(i);
        const auto name = to_string(condition);
        CHECK(names.insert(name).second);
        CHECK(stream_condition(name) == condition);
        const StreamError error {
            .condition = condition, .text = "why", .host = "h", .application = Element("x", "u")
        };
        const auto xml = error.xml();
        CHECK(xml.starts_with("<stream:error><"));
        const auto stream
            = parse_element("<s xmlns:stream='" + std::string(ns_streams) + "'>" + xml + "</s>");
        REQUIRE(stream);
        const auto read = stream->first_child();
        CHECK(read.is("error", ns_streams));
        CHECK(
            read.child(name, ns_stream_errors).text() == (condition == see_other_host ? "h" : ""));
        CHECK(read.child("text", ns_stream_errors).text() == "why");
        CHECK(read.child("text", ns_stream_errors).attr("lang", ns_xml) == "en");
        CHECK(read.child("x", "u"));
    }
    CHECK(names.size() == 25);
    CHECK(stream_condition("never-heard-of") == undefined_condition);
}

TEST_CASE("each kind of XML error has its stream error")
{
    using enum StreamError::Condition;
    const auto condition = [](XmlError::Kind kind) {
        return StreamError::from({ kind, "t", 0 }).condition;
    };
    CHECK(condition(XmlError::Kind::not_well_formed) == not_well_formed);
    CHECK(condition(XmlError::Kind::restricted) == restricted_xml);
    CHECK(condition(XmlError::Kind::bad_namespace_prefix) == bad_namespace_prefix);
    CHECK(condition(XmlError::Kind::bad_encoding) == unsupported_encoding);
    CHECK(condition(XmlError::Kind::limit) == policy_violation);
}
