#include "c2s_fixture.h"
#include "command_registry.h"
#include "line_listener.h"
#include "trace.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::testing;

namespace {

/// Romeo and Juliet online, and somebody who watches.
struct Watch {
    explicit Watch(const std::function<void(House&)>& prepare = {})
    {
        if (prepare)
            prepare(house);
        romeo.emplace(house);
        juliet.emplace(house);
        romeo->log_in("romeo", "orchard");
        juliet->log_in("juliet", "balcony");
        juliet->say("<presence/>");
    }

    void trace(std::string_view jid, const Value::Table& more = {})
    {
        Value arguments(more);
        arguments["jid"] = jid;
        house.server->main_loop().post([this, arguments] {
            house.server->commands().call(
                "trace", arguments, CommandCaller::console("test"),
                [this](Result<Value> result) { answer = std::move(result); },
                LineListener { [this](std::string_view line) {
                    lines.emplace_back(line);
                    return is_listening;
                } });
        });
        house.settle();
    }
    bool has(std::string_view text) const
    {
        return std::ranges::any_of(
            lines, [&](const std::string& line) { return line.find(text) != line.npos; });
    }
    std::string all() const
    {
        std::string text;
        for (const std::string& line : lines)
            text += line + '\n';
        return text;
    }

    House house;
    std::optional<Client> romeo, juliet;
    std::vector<std::string> lines;
    std::optional<Result<Value>> answer;
    bool is_listening = true;
};

constexpr std::string_view to_juliet
    = "<message to='juliet@capulet.lit' type='chat' id='m1'><body>wherefore</body></message>";

}

TEST_CASE("a trace shows the way of a message, hook by hook, and not what it says")
{
    Watch watch([](House& house) {
        house.on<StanzaReceived>([](StanzaReceived& event) {
            event.stanza.element().add("mark", "urn:example:mark");
            return Flow::next;
        });
        house.on<StanzaSending>([](StanzaSending&) { return Flow::next; });
    });
    watch.trace("juliet@capulet.lit");
    watch.romeo->say(to_juliet);
    const std::string text = watch.all();
    CAPTURE(text);
    REQUIRE(watch.lines.size() == 4);
    CHECK(watch.lines[0].find("received from the client  message chat id=m1 "
                              "romeo@capulet.lit/orchard -> juliet@capulet.lit <body>")
        != std::string::npos);
    CHECK(watch.lines[1].find("stanza.received: ") != std::string::npos);
    CHECK(watch.lines[1].find(" changed it") != std::string::npos);
    CHECK(watch.lines[2].find("stanza.sending: ") != std::string::npos);
    CHECK(watch.lines[2].find(" left it as it was") != std::string::npos);
    CHECK(watch.lines[2].find("<mark urn:example:mark>") != std::string::npos);
    CHECK(
        watch.lines[3].find("sent to the session juliet@capulet.lit/balcony") != std::string::npos);
    CHECK_FALSE(watch.has("wherefore"));
    CHECK(watch.juliet->hear().find("wherefore") != std::string::npos);
}

TEST_CASE("bodies are shown to whom asked for them, on one line")
{
    Watch watch;
    watch.trace("romeo@capulet.lit/orchard", { { "bodies", true } });
    watch.romeo->say("<message to='juliet@capulet.lit' type='chat'><body>a\nb</body></message>");
    CHECK(watch.has("<body>a b</body>"));
}

TEST_CASE("who took a stanza is named, also when nothing of it is left")
{
    Watch watch([](House& house) {
        house.on<StanzaReceived>([](StanzaReceived& event) {
            if (!event.stanza.is_message())
                return Flow::next;
            const Stanza taken = std::move(event.stanza);
            return Flow::done;
        });
    });
    watch.trace("romeo@capulet.lit");
    watch.romeo->say(to_juliet);
    CHECK(watch.has("took it: it goes no further here  message chat id=m1"));
    CHECK_FALSE(watch.has("sent to the session"));
}

TEST_CASE("a trace says why nobody gets a message")
{
    Watch watch;
    watch.trace("nurse@capulet.lit");
    watch.trace("nowhere.example");
    watch.romeo->say("<message to='nurse@capulet.lit' type='chat'><body>x</body></message>");
    CHECK(watch.has("nobody is online to take it"));
    CHECK(watch.has("answered with the error service-unavailable"));
    watch.lines.clear();
    watch.romeo->say("<message to='nurse@capulet.lit' type='headline'><body>x</body></message>");
    CHECK(watch.has("dropped: nobody is online to take it"));
    watch.lines.clear();
    watch.romeo->say("<message to='tybalt@nowhere.example' type='chat'><body>x</body></message>");
    CHECK(watch.has("its domain is not served here"));
    CHECK(watch.has("answered with the error remote-server-not-found"));
}

TEST_CASE("a trace shows nothing of anybody else")
{
    Watch watch;
    watch.trace("romeo@capulet.lit/elsewhere");
    watch.trace("nurse@capulet.lit");
    watch.romeo->say(to_juliet);
    CHECK(watch.lines.empty());
}

TEST_CASE("a trace ends with its time, or with whoever listened, and is off then")
{
    Watch watch;
    CHECK_FALSE(Trace::is_on());
    watch.trace("romeo@capulet.lit", { { "for", "10s" } });
    CHECK(Trace::is_on());
    watch.romeo->say(to_juliet);
    CHECK_FALSE(watch.answer);
    watch.house.advance(10s);
    REQUIRE(watch.answer);
    REQUIRE(*watch.answer);
    CHECK((**watch.answer).find("lines")->as_integer() == 2);
    CHECK_FALSE(Trace::is_on());

    watch.answer.reset();
    watch.lines.clear();
    watch.trace("romeo@capulet.lit");
    watch.is_listening = false;
    watch.romeo->say(to_juliet);
    CHECK(watch.answer);
    CHECK(watch.lines.size() == 1);
    CHECK_FALSE(Trace::is_on());
}

TEST_CASE("traces are bounded in number, in time and in lines a second")
{
    Watch watch;
    watch.trace("romeo@capulet.lit", { { "for", "2h" } });
    REQUIRE(watch.answer);
    CHECK((*watch.answer).error().text.find("up to an hour") != std::string::npos);
    watch.answer.reset();

    watch.trace("romeo@capulet.lit");
    for (std::size_t i = 0; i < Trace::lines_per_second; ++i)
        watch.romeo->say("<message to='juliet@capulet.lit' type='chat'/>");
    CHECK(watch.has("some are left out"));
    watch.house.advance(60s);
    REQUIRE(watch.answer);
    REQUIRE(*watch.answer);
    CHECK((**watch.answer).find("left_out")->as_integer() > 0);
    watch.answer.reset();

    for (std::size_t i = 0; i < Trace::most_requests; ++i)
        watch.trace("nurse@capulet.lit");
    CHECK_FALSE(watch.answer);
    watch.trace("nurse@capulet.lit");
    REQUIRE(watch.answer);
    CHECK((*watch.answer).error().text.find("end one of them first") != std::string::npos);
}
