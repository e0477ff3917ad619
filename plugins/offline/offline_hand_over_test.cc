// The hand-over of kept messages, in a server inside this program.
#include <nuncio/testkit.h>

#include <doctest/doctest.h>

using namespace nuncio;

TEST_CASE("more kept messages than a stream bears at a time arrive all the same, in order and once")
{
    testkit::Server server({ .plugins = { "offline" } });
    REQUIRE(server.started());
    REQUIRE(server.create_account("juliet@localhost"));
    auto romeo = server.log_in("romeo@localhost/orchard");
    romeo.forget_heard();
    // Six megabytes; the stream would end at limits.output_max, four.
    constexpr int count = 60;
    const std::string body(100'000, 'x');
    for (int i = 0; i < count; ++i)
        romeo.send("<message to='juliet@localhost' id='" + std::to_string(i)
            + "' type='chat'><body>" + body + "</body></message>");
    CHECK(romeo.hears_nothing());

    auto juliet = server.log_in("juliet@localhost/balcony", "");
    juliet.send("<presence/>");
    int next = 0;
    while (const auto stanza = juliet.hear()) {
        if (stanza->name() != "message")
            continue;
        REQUIRE(stanza->attr("id") == std::to_string(next));
        ++next;
    }
    CHECK(next == count);
    CHECK_FALSE(juliet.is_disconnected());

    juliet.disconnect();
    auto again = server.log_in("juliet@localhost/balcony", "");
    again.send("<presence/>");
    while (const auto stanza = again.hear())
        CHECK(stanza->name() != "message");
}
