// Administrators at work in a server inside this program.
#include <nuncio/testkit.h>

#include <doctest/doctest.h>

using namespace nuncio;

namespace {

struct House {
    testkit::Server server { { .plugins = { "adhoc", "accounts", "disco" },
        .options = { { "adhoc", "open_altogether = 3\nrunning = 1\naccounts = 2" } },
        .hosts = { "localhost", "verona.lit" },
        .loops = 3,
        .admins = { "root@localhost" },
        .host_admins = { { "verona.lit", { "escalus@verona.lit" } } } } };

    House() { REQUIRE(server.started()); }

    /// The next reply, as far as its command goes: attributes and notes, or the error.
    static std::string ask(testkit::Session& session, const std::string& attributes,
        const std::string& form = {}, const std::string& to = "localhost")
    {
        session.send("<iq type='set' id='x' to='" + to
            + "'><command xmlns='http://jabber.org/protocol/commands' " + attributes + ">" + form
            + "</command></iq>");
        const auto reply = session.hear();
        REQUIRE(reply);
        if (const ElementRef error = reply->child("error")) {
            std::string text;
            for (ElementRef condition : error)
                if (!condition.is("text", "urn:ietf:params:xml:ns:xmpp-stanzas"))
                    text += (text.empty() ? "" : " ") + std::string(condition.name());
            return text;
        }
        const ElementRef command = reply->first_child();
        std::string text(command.attr("status"));
        for (ElementRef note : command)
            if (note.name() == "note")
                text += ' ' + std::string(note.attr("type")) + ": " + note.text();
        return text;
    }
};

std::string submit(std::string_view fields)
{
    return "<x xmlns='jabber:x:data' type='submit'>" + std::string(fields) + "</x>";
}

std::string field(std::string_view var, std::string_view value)
{
    return "<field var='" + std::string(var) + "'><value>" + std::string(value)
        + "</value></field>";
}

std::string id_of(testkit::Session& session, const std::string& node, const std::string& to)
{
    session.send("<iq type='set' id='x' to='" + to
        + "'><command xmlns='http://jabber.org/protocol/commands' node='" + node + "'/></iq>");
    const auto reply = session.hear();
    REQUIRE(reply);
    return std::string(reply->first_child().attr("sessionid"));
}

std::string run(testkit::Session& session, const std::string& node, const std::string& fields,
    const std::string& to = "localhost")
{
    const std::string id = id_of(session, node, to);
    REQUIRE_FALSE(id.empty());
    return House::ask(session, "node='" + node + "' sessionid='" + id + "'", submit(fields), to);
}

}

TEST_CASE("who is no administrator is told so, whatever they try")
{
    House house;
    auto romeo = house.server.log_in("romeo@localhost/orchard");
    romeo.forget_heard();
    CHECK(House::ask(romeo, "node='nuncio#status'") == "forbidden");
    CHECK(House::ask(romeo, "node='http://jabber.org/protocol/admin#add-user'") == "forbidden");
    CHECK(House::ask(romeo, "node='nowhere'") == "forbidden");
    CHECK(House::ask(romeo, "node='nuncio#status' sessionid='1' action='fly'") == "forbidden");
    romeo.send("<iq type='get' id='i' to='localhost'><query "
               "xmlns='http://jabber.org/protocol/disco#items' "
               "node='http://jabber.org/protocol/commands'/></iq>");
    CHECK(romeo.receives("<iq type='result' id='i' from='localhost' to='romeo@localhost/orchard'>"
                         "<query xmlns='http://jabber.org/protocol/disco#items' "
                         "node='http://jabber.org/protocol/commands'/></iq>"));
    romeo.send("<iq type='get' id='i' to='localhost'><query "
               "xmlns='http://jabber.org/protocol/disco#info' node='nuncio#status'/></iq>");
    CHECK(romeo.receives_some_of("<iq type='error' id='i'><error type='auth'/></iq>"));
}

TEST_CASE("the administrator of a host commands its accounts and nothing else")
{
    House house;
    REQUIRE(house.server.create_account("romeo@localhost"));
    REQUIRE(house.server.create_account("juliet@verona.lit"));
    auto escalus = house.server.log_in("escalus@verona.lit/palace");
    escalus.forget_heard();
    const std::string here = "verona.lit";
    CHECK(House::ask(escalus, "node='nuncio#status'", {}, here) == "item-not-found");
    CHECK(House::ask(escalus, "node='nuncio#stop'", {}, here) == "item-not-found");
    CHECK(House::ask(escalus, "node='nuncio#trace'", {}, here) == "item-not-found");
    CHECK(run(escalus, "nuncio#disable", field("jid", "romeo@localhost"), here)
        == "completed error: disable: escalus@verona.lit does not administer the host localhost");
    // Nor through the host that does not name them.
    CHECK(run(escalus, "nuncio#disable", field("jid", "romeo@localhost"))
        == "completed error: disable: escalus@verona.lit does not administer the host localhost");
    CHECK(run(escalus, "nuncio#connected-users", field("host", "") + field("limit", "5"), here)
        == "completed error: connected-users: say which host; escalus@verona.lit does not "
           "administer all");
    CHECK(run(escalus, "nuncio#disable", field("jid", "juliet@verona.lit"), here) == "completed");
    CHECK(House::ask(
              escalus, "node='http://jabber.org/protocol/admin#get-disabled-users-num'", {}, here)
        == "completed");
}

TEST_CASE("nobody gains the rights of an administrator who may more")
{
    testkit::Server server({ .plugins = { "adhoc", "accounts" },
        .hosts = { "localhost", "verona.lit" },
        .admins = { "root@verona.lit" },
        .host_admins = { { "verona.lit", { "escalus@verona.lit", "prince@verona.lit" } },
            { "localhost", { "prince@verona.lit" } } } });
    REQUIRE(server.started());
    REQUIRE(server.create_account("root@verona.lit"));
    REQUIRE(server.create_account("prince@verona.lit"));
    auto escalus = server.log_in("escalus@verona.lit/palace");
    escalus.forget_heard();
    const std::string node = "http://jabber.org/protocol/admin#change-user-password";
    for (const std::string target : { "root@verona.lit", "prince@verona.lit" })
        CHECK(run(escalus, node, field("accountjid", target) + field("password", "mine-now"),
                  "verona.lit")
            == "completed error: change-password: " + target
                + " is an administrator who may more than escalus@verona.lit");
    CHECK(run(escalus, node,
              field("accountjid", "escalus@verona.lit") + field("password", "a-new-one"),
              "verona.lit")
        == "completed info: changed escalus@verona.lit");
}

TEST_CASE("XEP-0133: several accounts in one form, and each failure by itself")
{
    House house;
    REQUIRE(house.server.create_account("romeo@localhost"));
    auto root = house.server.log_in("root@localhost/console");
    root.forget_heard();
    const std::string node = "http://jabber.org/protocol/admin#delete-user";
    const auto both = [](std::string_view more) {
        return "<field var='FORM_TYPE'><value>http://jabber.org/protocol/admin</value></field>"
               "<field var='accountjids'><value>nobody@localhost</value><value>romeo@localhost"
               "</value>"
            + std::string(more) + "</field>";
    };
    CHECK(run(root, node, both("<value>x@localhost</value>")) == "bad-request bad-payload");
    CHECK(run(root, node, both(""))
        == "completed info: unregistered romeo@localhost error: there is no account nobody");
    CHECK(run(root, "http://jabber.org/protocol/admin#add-user",
              field("accountjid", "romeo@localhost") + field("password", "long-enough")
                  + field("password-verify", "long-enouhg"))
        == "bad-request bad-payload");
    CHECK(run(root, "http://jabber.org/protocol/admin#add-user",
              field("accountjid", "romeo@localhost") + field("password", "long-enough")
                  + field("password-verify", "long-enough") + field("email", "r@m.lit"))
        == "completed info: registered romeo@localhost");
}

TEST_CASE("so many commands wait for a form, and not one more")
{
    House house;
    auto root = house.server.log_in("root@localhost/console");
    auto escalus = house.server.log_in("escalus@verona.lit/palace");
    root.forget_heard();
    escalus.forget_heard();
    const auto begin = [](testkit::Session& session) {
        return House::ask(session, "node='nuncio#kick'", {}, "localhost");
    };
    CHECK(begin(root) == "executing");
    CHECK(begin(root) == "executing");
    CHECK(begin(escalus) == "executing");
    CHECK(begin(root) == "resource-constraint");
    house.server.advance(std::chrono::minutes(10));
    root.forget_heard(); // a ping
    CHECK(begin(root) == "executing");
}

TEST_CASE("a form is good for ten minutes, and for whom it was sent to")
{
    House house;
    auto root = house.server.log_in("root@localhost/console");
    auto other = house.server.log_in("root@localhost/elsewhere");
    root.forget_heard();
    other.forget_heard();
    const std::string id = id_of(root, "nuncio#kick", "localhost");
    const std::string going_on = "node='nuncio#kick' sessionid='" + id + "'";
    CHECK(House::ask(other, going_on) == "bad-request bad-sessionid");
    CHECK(House::ask(root, "node='nuncio#disable' sessionid='" + id + "'")
        == "bad-request bad-sessionid");
    CHECK(House::ask(root, going_on) == "bad-request bad-payload");
    house.server.advance(std::chrono::minutes(10));
    root.forget_heard(); // pings
    other.forget_heard();
    CHECK(House::ask(other, going_on) == "bad-request bad-sessionid");
    CHECK(House::ask(root, going_on) == "not-allowed session-expired");
    CHECK(House::ask(root, "node='nuncio#kick' action='fly'") == "bad-request malformed-action");
    CHECK(House::ask(root, "node='nuncio#kick' action='next'") == "bad-request bad-action");
}

TEST_CASE(
    "a command that reloads the plugin which runs it comes to its end, and so does the reload")
{
    House house;
    auto root = house.server.log_in("root@localhost/console");
    root.forget_heard();
    const std::string id = id_of(root, "nuncio#plugin-reload", "localhost");
    root.send_without_waiting("<iq type='set' id='r' to='localhost'><command "
                              "xmlns='http://jabber.org/protocol/commands' "
                              "node='nuncio#plugin-reload' sessionid='"
        + id + "'>" + submit(field("plugin", "adhoc")) + "</command></iq>");
    for (int i = 0; i < 200; ++i)
        house.server.advance(100ms);
    const auto reply = root.hear();
    REQUIRE(reply);
    CHECK(reply->first_child().attr("status") == "completed");
    CHECK(House::ask(root, "node='nuncio#kick'") == "executing");
    CHECK(house.server.reload("adhoc"));
}
