// XEP-0386: binding in one go with the authentication.
#include "c2s_sasl2_fixture.h"
#include "session.h"
#include "virtual_host.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::testing;

TEST_CASE("a user agent's id is a UUID, and a tag fits into a resource")
{
    House house;
    Client client(house);
    client.say(client_header);
    const auto tagged = [](std::string_view tag) {
        return "<bind xmlns='urn:xmpp:bind:0'><tag>" + std::string(tag) + "</tag></bind>";
    };
    for (const std::string_view bad : { "", "d4565fa7", "d4565fa7-4d72-4749-b3d3-740edbf8777",
             "g4565fa7-4d72-4749-b3d3-740edbf87770", "d4565fa7-4d72-4749-b3d3-740edbf877700",
             "d4565fa704d72-4749-b3d3-740edbf87770" }) {
        Client mistaken(house);
        mistaken.say(client_header);
        CHECK(mistaken.say(plain("juliet", agent(bad)))
            == failure("malformed-request", "the id of a user agent must be a UUID"));
    }
    const auto longest = house.server->settings().limits.resource_bytes - 17;
    CHECK(client.say(plain("juliet", tagged(std::string(longest + 1, 'x'))))
        == failure("malformed-request", "the tag is too long"));
    CHECK(has(client.say(plain("juliet", tagged("a&#x7;"))), "<not-well-formed "));
    Client spaced(house);
    spaced.say(client_header);
    CHECK(spaced.say(plain("juliet", tagged("\xe2\x80\xa8")))
        == failure("malformed-request", "the tag cannot be part of a resource"));
    const auto answer = spaced.say(plain("juliet", tagged(std::string(longest, 'x'))));
    CHECK(identity(answer).starts_with("juliet@capulet.lit/xxx"));
}

TEST_CASE("a client gets the same resource each time, which does not tell its id")
{
    House house({ .loops = 2 });
    const auto bound_as = [&](std::string_view user, const std::string& beside) {
        Client client(house);
        client.say(client_header);
        return identity(client.say(plain(user, beside + std::string(bind_wish))));
    };
    const auto jid = bound_as("juliet", agent());
    CHECK(bound_as("juliet", agent("D4565FA7-4d72-4749-b3d3-740edbf87770")) == jid);
    CHECK_FALSE(has(jid, "d4565fa7"));
    CHECK(bound_as("romeo", agent()).substr(24) != jid.substr(25));
    CHECK(bound_as("juliet", agent("d4565fa7-4d72-4749-b3d3-740edbf87771")) != jid);
    const auto made_up = bound_as("juliet", {});
    CHECK(made_up.size() == jid.size());
    CHECK(bound_as("juliet", {}) != made_up);
    Client untagged(house);
    untagged.say(client_header);
    CHECK(identity(untagged.say(plain("juliet", agent() + "<bind xmlns='urn:xmpp:bind:0'/>")))
        == "juliet@capulet.lit/" + jid.substr(jid.rfind('/') + 1));
}

TEST_CASE("a client that comes again ends its former session, and nobody else's")
{
    House house;
    Client bystander(house), former(house), renamed(house), again(house);
    for (Client* client : { &bystander, &former, &renamed, &again })
        client->say(client_header);
    bystander.say(
        plain("juliet", agent("d4565fa7-4d72-4749-b3d3-740edbf87771") + std::string(bind_wish)));
    const auto jid = identity(former.say(plain("juliet", agent() + std::string(bind_wish))));
    renamed.say(plain("juliet", agent() + "<bind xmlns='urn:xmpp:bind:0'><tag>New</tag></bind>"));
    CHECK(has(former.hear(), "<conflict "));
    CHECK(former.is_closed());
    CHECK_FALSE(renamed.is_closed());
    CHECK(identity(again.say(plain("juliet", agent() + std::string(bind_wish)))) == jid);
    CHECK(has(renamed.hear(), "<conflict "));
    CHECK(bystander.hear().empty());
    CHECK_FALSE(bystander.is_closed());
}

TEST_CASE("an account that has all its sessions is logged in without one more")
{
    Limits limits;
    limits.sessions_per_account = 1;
    House house({ .limits = limits });
    Client first(house), second(house);
    CHECK(first.log_in("juliet", "x") == "juliet@capulet.lit/x");
    second.say(client_header);
    const auto answer = second.say(plain("juliet", bind_wish));
    CHECK(identity(answer) == "juliet@capulet.lit");
    CHECK(has(answer, "<failed xmlns='urn:xmpp:bind:0'><resource-constraint "));
    CHECK(has(answer, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"));
    CHECK(has(second.say("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
                         "</iq>"),
        "<resource-constraint "));
}

TEST_CASE("plugins offer what a session may have enabled, hear the wish, and answer it")
{
    House house({ .loops = 2 });
    const Completion<std::optional<Element>> metadata, nothing;
    std::string order;
    house.on<BindFeatures>([](BindFeatures& event) {
        event.features.push_back("urn:xmpp:carbons:2");
        event.features.push_back("urn:xmpp:csi:0");
        return Flow::next;
    });
    house.on<ResourceBinding>([&](ResourceBinding& event) {
        CHECK(Loop::current() == &event.account.host().home(event.account.jid()));
        order += "binding, ";
        event.answers.push_back(nothing);
        event.answers.push_back(metadata);
        return Flow::next;
    });
    house.on<ResourceBound>([&](ResourceBound& event) {
        order += event.request.child("enable", "urn:xmpp:carbons:2") ? "carbons, " : "no carbons, ";
        CHECK(event.session.account().sessions().size() == 1);
        event.bound.add("enabled", "urn:xmpp:sm:3");
        return Flow::next;
    });
    house.on<SessionOpened>([&](SessionOpened& event) {
        if (event.session.jid().local() == "romeo")
            return Flow::next;
        order += "opened";
        Stanza greeting(Stanza::Kind::message, Stanza::Type::chat);
        greeting.set_from(event.session.host().jid()).set_id("greeting");
        event.session.send(greeting);
        return Flow::next;
    });
    Client client(house);
    CHECK(has(client.say(client_header),
        "<inline><bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:carbons:2'/>"
        "<feature var='urn:xmpp:csi:0'/></inline></bind></inline>"));
    CHECK(client
              .say(plain("juliet",
                  "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:carbons:2'/></bind>"))
              .empty());
    // What arrives meanwhile is neither lost nor before the success.
    Client romeo(house);
    romeo.log_in("romeo", "x");
    romeo.say("<message id='late' type='headline' to='juliet@capulet.lit'/>");
    metadata.resolve(Element("metadata", "urn:xmpp:mam:2"));
    nothing.resolve(std::nullopt);
    const auto answer = client.hear();
    CHECK(order == "binding, carbons, opened");
    CHECK(answer.starts_with("<success "));
    CHECK(has(answer,
        "<bound xmlns='urn:xmpp:bind:0'><metadata xmlns='urn:xmpp:mam:2'/>"
        "<enabled xmlns='urn:xmpp:sm:3'/></bound></success><stream:features>"));
    CHECK(answer.find("id='greeting'") > answer.find("</stream:features>"));
}

TEST_CASE("a message that comes while a bind waits is delivered to the session")
{
    House house;
    std::optional<Completion<std::optional<Element>>> metadata;
    house.on<ResourceBinding>([&](ResourceBinding& event) {
        if (metadata)
            event.answers.push_back(*metadata);
        return Flow::next;
    });
    Client romeo(house), former(house), client(house);
    romeo.log_in("romeo", "x");
    former.say(client_header);
    const auto jid = identity(former.say(plain("juliet", agent() + std::string(bind_wish))));
    former.say("</stream:stream>");
    metadata.emplace();
    client.say(client_header);
    CHECK(client.say(plain("juliet", agent() + std::string(bind_wish))).empty());
    romeo.say("<message id='m' to='" + jid + "'><body>soft!</body></message>");
    metadata->resolve(std::nullopt);
    const auto answer = client.hear();
    CHECK(identity(answer) == jid);
    CHECK(answer.find("soft!") != answer.npos);
    CHECK(answer.find("soft!") > answer.find("</stream:features>"));
    CHECK(romeo.hear().empty());
}

TEST_CASE("a stream may end while its login waits for somebody")
{
    for (const bool at_bind : { false, true }) {
        House house({ .loops = 2, .limits = { .answer_time = 10min } });
        const Completion<std::optional<Element>> metadata;
        house.on<ResourceBinding>([&](ResourceBinding& event) {
            event.answers.push_back(metadata);
            return Flow::next;
        });
        int opened = 0;
        house.on<SessionOpened>([&](SessionOpened&) {
            ++opened;
            return Flow::next;
        });
        if (!at_bind)
            house.backend.gate.emplace();
        {
            Client client(house);
            client.say(client_header);
            CHECK(client.say(plain("juliet", bind_wish)).empty());
            client.peer.hang_up();
            house.settle();
        }
        house.advance(61s);
        CHECK(house.open_streams() == 0);
        if (!at_bind)
            house.backend.gate->resolve(true);
        else
            metadata.resolve(std::nullopt);
        house.settle();
        CHECK(opened == 0);
        CHECK(house.open_streams() == 0);
    }
}

TEST_CASE("a bind that takes too long meets the time limit")
{
    House house({ .limits = { .answer_time = 10min } });
    const Completion<std::optional<Element>> metadata;
    house.on<ResourceBinding>([&](ResourceBinding& event) {
        event.answers.push_back(metadata);
        return Flow::next;
    });
    Client client(house);
    client.say(client_header);
    client.say(plain("juliet", bind_wish));
    house.advance(61s);
    CHECK(has(client.hear(), "<connection-timeout "));
    metadata.resolve(std::nullopt);
    CHECK(client.hear().empty());
    CHECK(client.is_closed());
}

TEST_CASE(
    "who logs in does not wait for a plugin that does not say what it has for the new session")
{
    House house;
    const Completion<std::optional<Element>> never, late;
    house.on<ResourceBinding>([&](ResourceBinding& event) {
        event.answers = { never, late };
        return Flow::next;
    });
    Client client(house);
    client.say(client_header);
    client.say(plain("juliet", bind_wish));
    late.resolve(Element("extra", "urn:test"));
    house.advance(house.server->settings().limits.answer_time);
    const std::string heard = client.hear();
    CHECK(has(heard, "<bound "));
    CHECK(has(heard, "<extra ")); // it had come in time
    CHECK_FALSE(client.is_closed());
    never.resolve(std::nullopt);
    CHECK(client.hear().empty());
}
