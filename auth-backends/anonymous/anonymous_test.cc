// Guests on a whole server: what they may, and that nothing of them stays behind.
#include "plugin_host.h"
#include "scripted_server.h"
#include "virtual_host.h"

#include <nuncio/ns.h>
#include <nuncio/storage.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::test;

namespace {

constexpr const char* stores[] = { "anonymous", "private", "vcard", "roster", "last", "offline" };

struct House {
    explicit House(std::size_t loops = 1)
        : server(options(loops))
    {
        REQUIRE_MESSAGE(!server.failure(), server.failure().value_or(""));
    }

    static ScriptOptions options(std::size_t loops)
    {
        ScriptOptions made;
        made.auth = { "internal", "anonymous" };
        made.plugins = { "roster", "presence", "private", "vcard", "last" };
        made.plugin_path = { NUNCIO_TEST_PLUGINS };
        made.loops = loops;
        return made;
    }

    /// In how many places something of these owners is kept.
    std::size_t rows_of(const std::string& owner)
    {
        const auto answer = server.outcome([&](auto done) {
            kernel::VirtualHost* const host = server.server().find_host("localhost");
            host->loop(0).post(
                [host, owner, done = std::move(done)] { count(*host, owner, done); });
        });
        REQUIRE_MESSAGE(answer, (answer ? "" : answer.error().text));
        return static_cast<std::size_t>(answer->as_integer());
    }
    static void count(kernel::VirtualHost& host, const std::string& owner,
        const std::function<void(Result<Value>)>& done)
    {
        std::vector<StorageOp> batch;
        for (const char* store : stores)
            batch.push_back({ .kind = StorageOp::Kind::list, .store = store, .owner = owner });
        host.storage().execute(std::move(batch), [done](Result<std::vector<StorageAnswer>> answer) {
            if (!answer)
                return done(answer.error());
            std::int64_t rows = 0;
            for (const StorageAnswer& one : *answer)
                rows += static_cast<std::int64_t>(one.size());
            done(Value(rows));
        });
    }
    /// Guests that the backend has noted.
    std::size_t noted() { return rows_of({}); }

    kernel::PluginHost& plugins() { return server.server().plugins(); }
    bool reload()
    {
        return server
            .outcome([&](auto done) { plugins().reload("anonymous", {}, std::move(done)); })
            .ok();
    }
    bool load()
    {
        return server
            .outcome([&](auto done) { plugins().load("anonymous", {}, ended(std::move(done))); })
            .ok();
    }
    bool unload()
    {
        return server
            .outcome([&](auto done) {
                plugins().unload(
                    "anonymous", {}, kernel::Dependents::refuse, ended(std::move(done)));
            })
            .ok();
    }
    static std::function<void(Result<void>)> ended(std::function<void(Result<Value>)> done)
    {
        return [done = std::move(done)](Result<void> outcome) {
            done(outcome ? Result<Value>(Value()) : outcome.error());
        };
    }

    ScriptedServer server;
};

constexpr std::string_view header = "<stream:stream to='localhost' version='1.0' "
                                    "xmlns='jabber:client' "
                                    "xmlns:stream='http://etherx.jabber.org/streams'>";

/// Somebody who comes in without a name, and stores something.
struct Guest {
    explicit Guest(House& in)
        : house(in)
        , client(in.server, "guest")
    {
        client.connect(true);
        client.send(header);
        client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>");
        client.send(header);
        client.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
        const Element bound = next("iq");
        jid = bound.child("bind", ns_bind).child("jid", ns_bind).text();
        REQUIRE(!jid.empty());
        client.send("<presence/><iq type='set' id='v'><vCard xmlns='vcard-temp'><FN>x</FN></vCard>"
                    "</iq><iq type='set' id='p'><query xmlns='jabber:iq:private'><a xmlns='urn:a'/>"
                    "</query></iq>");
        CHECK(next("iq").attr("type") == "result");
        CHECK(next("iq").attr("type") == "result");
        CHECK(house.rows_of(bare()) >= 2);
    }

    /// The next element of that name.
    Element next(std::string_view name)
    {
        std::optional<Heard> heard;
        house.server.settle_until([&] {
            while ((heard = client.hear()))
                if (heard->element.name() == name)
                    return true;
            return false;
        });
        REQUIRE(heard);
        return heard->element;
    }
    /// What plugins write of it is written a moment later.
    void leave()
    {
        client.hang_up();
        house.server.advance(7s); // time_for_last_words, and a sweep
    }
    std::string bare() const { return jid.substr(0, jid.find('/')); }

    House& house;
    ScriptedClient client;
    std::string jid;
};

}

TEST_CASE("nothing that a guest has stored stays behind when the last session has ended")
{
    for (const std::size_t loops : { 1, 3 }) {
        House house(loops);
        Guest one(house);
        Guest other(house);
        CHECK(one.jid != other.jid);
        CHECK(house.noted() == 2);
        one.leave();
        CHECK(house.server.settle_until([&] { return house.noted() == 1; }));
        CHECK(house.rows_of(one.bare()) == 0);
        CHECK(house.rows_of(other.bare()) >= 2);
        CHECK(house.server.complaints().empty());
    }
}

TEST_CASE("a reload keeps the guests who are here, and forgets them when they leave")
{
    House house;
    Guest guest(house);
    CHECK(house.reload());
    house.server.advance(6min); // unbound_time and a sweep; no longer than a silent client may be
    CHECK(house.rows_of(guest.bare()) >= 2);
    guest.leave();
    CHECK(house.server.settle_until([&] { return house.noted() == 0; }));
    CHECK(house.rows_of(guest.bare()) == 0);
}

TEST_CASE("who left while nobody looked is forgotten by the next who looks")
{
    House house;
    Guest gone(house);
    Guest here(house);
    CHECK(house.unload());
    gone.leave();
    CHECK(house.rows_of(gone.bare()) >= 2);
    CHECK(house.load());
    house.server.advance(1min);
    CHECK(house.server.settle_until([&] { return house.noted() == 1; }));
    CHECK(house.rows_of(gone.bare()) == 0);
    CHECK(house.rows_of(here.bare()) >= 2);
    here.leave();
    CHECK(house.server.settle_until([&] { return house.noted() == 0; }));
    CHECK(house.rows_of(here.bare()) == 0);
}

TEST_CASE("a name that nobody binds is given up after a time")
{
    House house;
    ScriptedClient client(house.server, "guest");
    client.connect(true);
    client.send(header);
    client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>");
    client.hang_up();
    CHECK(house.noted() == 1);
    house.server.advance(4min);
    CHECK(house.noted() == 1);
    house.server.advance(2min);
    CHECK(house.server.settle_until([&] { return house.noted() == 0; }));
}
