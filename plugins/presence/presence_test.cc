#include "broadcast.h"
#include "subscription.h"

#include <doctest/doctest.h>
#include <map>
#include <string>

using namespace nuncio;
using namespace nuncio::presence;
using Type = Stanza::Type;

namespace {

// The names of Appendix A.1.
const std::map<std::string, State> states = {
    { "None", State::none },
    { "None + Pending Out", State::none_out },
    { "None + Pending In", State::none_in },
    { "None + Pending Out+In", State::none_out_in },
    { "To", State::to },
    { "To + Pending In", State::to_in },
    { "From", State::from },
    { "From + Pending Out", State::from_out },
    { "Both", State::both },
};

struct Row {
    const char* state;
    bool passes;
    const char* next; ///< null: no state change
};

void check(Step (*step)(State, Type), Type type, const std::vector<Row>& rows)
{
    REQUIRE(rows.size() == states.size());
    for (const Row& row : rows) {
        CAPTURE(row.state);
        const Step found = step(states.at(row.state), type);
        CHECK(found.passes == row.passes);
        CHECK(found.next == states.at(row.next ? row.next : row.state));
    }
}

constexpr bool must = true, must_not = false;

RosterItem item_in(const char* state)
{
    RosterItem item { .jid = *Jid::parse("juliet@example.org") };
    set_state(item, states.at(state));
    return item;
}

Stanza incoming(Type type, std::string_view status = {})
{
    Stanza stanza(Stanza::Kind::presence, type);
    stanza.set_from(*Jid::parse("juliet@example.org")).set_to(*Jid::parse("romeo@example.net"));
    if (!status.empty())
        stanza.element().add("status").text(status);
    return stanza;
}

}

TEST_CASE("A.2.1: outbound subscribe")
{
    check(outbound, Type::subscribe,
        {
            { "None", must, "None + Pending Out" },
            { "None + Pending Out", must, nullptr },
            { "None + Pending In", must, "None + Pending Out+In" },
            { "None + Pending Out+In", must, nullptr },
            { "To", must, nullptr },
            { "To + Pending In", must, nullptr },
            { "From", must, "From + Pending Out" },
            { "From + Pending Out", must, nullptr },
            { "Both", must, nullptr },
        });
}

TEST_CASE("A.2.2: outbound unsubscribe")
{
    check(outbound, Type::unsubscribe,
        {
            { "None", must, nullptr },
            { "None + Pending Out", must, "None" },
            { "None + Pending In", must, nullptr },
            { "None + Pending Out+In", must, "None + Pending In" },
            { "To", must, "None" },
            { "To + Pending In", must, "None + Pending In" },
            { "From", must, nullptr },
            { "From + Pending Out", must, "From" },
            { "Both", must, "From" },
        });
}

TEST_CASE("A.2.3: outbound subscribed")
{
    check(outbound, Type::subscribed,
        {
            { "None", must_not, nullptr },
            { "None + Pending Out", must_not, nullptr },
            { "None + Pending In", must, "From" },
            { "None + Pending Out+In", must, "From + Pending Out" },
            { "To", must_not, nullptr },
            { "To + Pending In", must, "Both" },
            { "From", must_not, nullptr },
            { "From + Pending Out", must_not, nullptr },
            { "Both", must_not, nullptr },
        });
}

TEST_CASE("A.2.4: outbound unsubscribed")
{
    check(outbound, Type::unsubscribed,
        {
            { "None", must_not, nullptr },
            { "None + Pending Out", must_not, nullptr },
            { "None + Pending In", must, "None" },
            { "None + Pending Out+In", must, "None + Pending Out" },
            { "To", must_not, nullptr },
            { "To + Pending In", must, "To" },
            { "From", must, "None" },
            { "From + Pending Out", must, "None + Pending Out" },
            { "Both", must, "To" },
        });
}

TEST_CASE("A.3.1: inbound subscribe")
{
    check(inbound, Type::subscribe,
        {
            { "None", must, "None + Pending In" },
            { "None + Pending Out", must, "None + Pending Out+In" },
            { "None + Pending In", must_not, nullptr },
            { "None + Pending Out+In", must_not, nullptr },
            { "To", must, "To + Pending In" },
            { "To + Pending In", must_not, nullptr },
            { "From", must_not, nullptr },
            { "From + Pending Out", must_not, nullptr },
            { "Both", must_not, nullptr },
        });
}

TEST_CASE("A.3.2: inbound unsubscribe")
{
    check(inbound, Type::unsubscribe,
        {
            { "None", must_not, nullptr },
            { "None + Pending Out", must_not, nullptr },
            { "None + Pending In", must, "None" },
            { "None + Pending Out+In", must, "None + Pending Out" },
            { "To", must_not, nullptr },
            { "To + Pending In", must, "To" },
            { "From", must, "None" },
            { "From + Pending Out", must, "None + Pending Out" },
            { "Both", must, "To" },
        });
}

TEST_CASE("A.3.3: inbound subscribed")
{
    check(inbound, Type::subscribed,
        {
            { "None", must_not, nullptr },
            { "None + Pending Out", must, "To" },
            { "None + Pending In", must_not, nullptr },
            { "None + Pending Out+In", must, "To + Pending In" },
            { "To", must_not, nullptr },
            { "To + Pending In", must_not, nullptr },
            { "From", must_not, nullptr },
            { "From + Pending Out", must, "Both" },
            { "Both", must_not, nullptr },
        });
}

TEST_CASE("A.3.4: inbound unsubscribed")
{
    check(inbound, Type::unsubscribed,
        {
            { "None", must_not, nullptr },
            { "None + Pending Out", must, "None" },
            { "None + Pending In", must_not, nullptr },
            { "None + Pending Out+In", must, "None + Pending In" },
            { "To", must, "None" },
            { "To + Pending In", must, "None + Pending In" },
            { "From", must_not, nullptr },
            { "From + Pending Out", must, "From" },
            { "Both", must, "From" },
        });
}

TEST_CASE("every state is kept in an item")
{
    for (const auto& [name, state] : states) {
        const auto& shown = name;
        CAPTURE(shown);
        CHECK(state_of(item_in(name.c_str())) == state);
    }
}

TEST_CASE("a request makes the contact a listed one, a request from it does not")
{
    RosterItem item = item_in("None");
    leave(item, Type::subscribe);
    CHECK(item.listed);
    item = item_in("None");
    arrive(item, incoming(Type::subscribe));
    CHECK_FALSE(item.listed);
    leave(item, Type::subscribed);
    CHECK(item.listed);
}

TEST_CASE("a request is kept with its words until it is answered")
{
    RosterItem item = item_in("None");
    CHECK(arrive(item, incoming(Type::subscribe, "it is me")).passes);
    CHECK(item.pending_stanza.find("it is me") != item.pending_stanza.npos);
    CHECK_FALSE(arrive(item, incoming(Type::subscribe, "again")).passes);
    CHECK(item.pending_stanza.find("it is me") != item.pending_stanza.npos);
    const auto read = parse_element(item.pending_stanza);
    REQUIRE(read);
    CHECK(Stanza::parse(*read).stanza.type() == Type::subscribe);
    leave(item, Type::unsubscribed);
    CHECK(item.pending_stanza.empty());
}

TEST_CASE("a huge request is kept without its extensions")
{
    RosterItem item = item_in("None");
    arrive(item, incoming(Type::subscribe, std::string(5000, 'x')));
    CHECK(item.pending_stanza.size() < 300);
    CHECK(item.pending_stanza.find("juliet@example.org") != item.pending_stanza.npos);
}

TEST_CASE("granting tells where the user is, revoking that she is gone")
{
    RosterItem item = item_in("None + Pending In");
    auto effects = leave(item, Type::subscribed);
    CHECK(effects.passes);
    CHECK(effects.grants);
    effects = leave(item, Type::unsubscribed);
    CHECK(effects.passes);
    CHECK(effects.revokes);
    item = item_in("Both");
    effects = arrive(item, incoming(Type::unsubscribe));
    CHECK(effects.passes);
    CHECK(effects.revokes);
    CHECK(state_of(item) == State::to);
}

TEST_CASE("who asks again for what he has is answered by the server")
{
    for (const char* state : { "From", "From + Pending Out", "Both" }) {
        RosterItem item = item_in(state);
        const auto effects = arrive(item, incoming(Type::subscribe));
        CHECK(effects.answers);
        CHECK_FALSE(effects.passes);
        CHECK(state_of(item) == states.at(state));
    }
}

TEST_CASE("§3.4: an approval beforehand stays here, is listed, and grants the request to come")
{
    for (const char* state : { "None", "None + Pending Out", "To" }) {
        CAPTURE(state);
        RosterItem item = item_in(state);
        CHECK_FALSE(leave(item, Type::subscribed).passes);
        CHECK(item.approved);
        CHECK(item.listed);
        const auto effects = arrive(item, incoming(Type::subscribe));
        CHECK(effects.answers);
        CHECK(effects.grants);
        CHECK_FALSE(effects.passes);
        CHECK(item.from);
        CHECK_FALSE(item.approved);
    }
    RosterItem item = item_in("None");
    leave(item, Type::subscribed);
    CHECK_FALSE(leave(item, Type::unsubscribed).passes);
    CHECK_FALSE(item.approved);
    item = item_in("Both");
    leave(item, Type::subscribed);
    CHECK_FALSE(item.approved);
}

TEST_CASE("directed presence is remembered up to a limit")
{
    Directed directed;
    const Jid one = *Jid::parse("a@b/c"), two = *Jid::parse("juliet@example.org/x"),
              three = *Jid::parse("d@e");
    CHECK(directed.add(one, 2));
    CHECK(directed.add(one, 2));
    CHECK(directed.add(two, 2));
    CHECK_FALSE(directed.add(three, 2));
    CHECK(directed.add(two, 2));
    directed.remove(one);
    CHECK(directed.add(three, 2));
    CHECK(directed.take() == std::vector<Jid> { two, three });
    CHECK(directed.take().empty());
}

TEST_CASE("a good-bye reaches subscribers and who was told directly, each once, and not oneself")
{
    const Jid juliet = *Jid::parse("juliet@example.org"),
              balcony = *Jid::parse("juliet@example.org/balcony"), stranger = *Jid::parse("d@e/f"),
              self = *Jid::parse("romeo@example.net"), hall = *Jid::parse("romeo@example.net/hall");
    Roster roster;
    roster.items.emplace(juliet.text(), item_in("From"));
    CHECK(with_subscribers(roster, self, { balcony, stranger, juliet, self, hall })
        == std::vector<Jid> { juliet, stranger });
}
