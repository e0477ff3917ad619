#include "item.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::roster;

namespace {

RosterItem contact()
{
    return { .jid = *Jid::parse("bob@example.org") };
}

std::string seen(const RosterItem& item)
{
    Element query("query", ns_roster);
    append_item(query, item);
    return to_string(query.first_child(), ns_roster);
}

std::variant<Change, StanzaError> read(const std::string& items, Limits limits = {})
{
    const auto query = parse_element("<query xmlns='jabber:iq:roster'>" + items + "</query>");
    REQUIRE(query);
    return read_change(*query, limits);
}

StanzaError::Condition refused(const std::string& items, Limits limits = {})
{
    const auto change = read(items, limits);
    REQUIRE(std::holds_alternative<StanzaError>(change));
    return std::get<StanzaError>(change).condition;
}

}

TEST_CASE("an item is read back as it was written")
{
    RosterItem item = contact();
    item.name = "Bob \"the\" <Builder>";
    item.groups = { "Friends", "Work & Play" };
    item.to = item.ask = item.approved = item.listed = item.pending_in = true;
    item.pending_stanza = "<presence type='subscribe'/>";
    const auto read = read_item("bob@example.org", to_text(item));
    REQUIRE(read);
    CHECK(to_text(*read) == to_text(item));
    CHECK(read->groups == item.groups);
    CHECK(read->pending_stanza == item.pending_stanza);
    CHECK(read->to);
    CHECK_FALSE(read->from);
}

TEST_CASE("clients see subscription, ask, approval and groups")
{
    RosterItem item = contact();
    item.listed = item.from = item.ask = true;
    item.name = "Bob";
    item.groups = { "Friends" };
    CHECK(seen(item)
        == "<item jid='bob@example.org' name='Bob' subscription='from' ask='subscribe'>"
           "<group>Friends</group></item>");
    item = contact();
    CHECK(seen(item) == "<item jid='bob@example.org' subscription='remove'/>");
}

TEST_CASE("a request that was not answered is kept, and no client sees it")
{
    RosterItem item = contact();
    CHECK_FALSE(says_something(item));
    item.pending_in = true;
    CHECK(says_something(item));
    CHECK(look_equal(item, contact()));
}

TEST_CASE("of a client's subscription only remove counts")
{
    const auto change = read("<item jid='Bob@Example.org' subscription='both' ask='subscribe' "
                             "name='B'><group>G</group></item>");
    REQUIRE(std::holds_alternative<Change>(change));
    CHECK(std::get<Change>(change).jid.text() == "bob@example.org");
    CHECK_FALSE(std::get<Change>(change).removes);
    CHECK(std::get<Change>(change).groups.size() == 1);
    CHECK(std::get<Change>(read("<item jid='a@b' subscription='remove'/>")).removes);
}

TEST_CASE("a set names exactly one contact, properly")
{
    using enum StanzaError::Condition;
    CHECK(refused("") == bad_request);
    CHECK(refused("<item jid='a@b'/><item jid='c@d'/>") == bad_request);
    CHECK(refused("<item/>") == bad_request);
    CHECK(refused("<item jid='@b'/>") == jid_malformed);
    CHECK(refused("<item jid='a@b'><group>G</group><group>G</group></item>") == bad_request);
    CHECK(refused("<item jid='a@b'><group/></item>") == not_acceptable);
}

TEST_CASE("names and groups are accepted up to their limits")
{
    using enum StanzaError::Condition;
    const Limits limits { .groups = 2, .name_bytes = 3 };
    CHECK(std::holds_alternative<Change>(read("<item jid='a@b' name='abc'/>", limits)));
    CHECK(refused("<item jid='a@b' name='abcd'/>", limits) == not_acceptable);
    CHECK(std::holds_alternative<Change>(
        read("<item jid='a@b'><group>1</group><group>222</group></item>", limits)));
    CHECK(refused("<item jid='a@b'><group>2222</group></item>", limits) == not_acceptable);
    CHECK(refused("<item jid='a@b'><group>1</group><group>2</group><group>3</group></item>", limits)
        == not_acceptable);
}
