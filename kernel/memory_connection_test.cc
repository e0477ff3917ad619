#include "memory_connection.h"
#include "net_fixture.h"

#include <doctest/doctest.h>

namespace nuncio::kernel {

using testing::NotingUser;

namespace {

    struct Wired {
        explicit Wired(MemoryPeer::Options options = {})
            : connection(peer.connect(loop, std::move(options)))
        {
            connection->set_user(&user);
        }
        void settle()
        {
            for (bool active = true; active;) {
                active = loop.run_ready();
                active = other.run_ready() || active;
            }
        }
        void write(std::string_view bytes)
        {
            connection->output().append(bytes);
            connection->flush_later();
        }
        KernelLoop loop { 0, ClockKind::manual };
        KernelLoop other { 1, ClockKind::manual };
        NotingUser user;
        MemoryPeer peer;
        std::unique_ptr<MemoryConnection> connection;
    };

}

TEST_CASE("in memory: bytes go both ways, in the pieces that were sent")
{
    Wired wired;
    wired.peer.send("<a/>");
    wired.peer.send("<b/>");
    wired.settle();
    CHECK(wired.user.received == "<a/><b/>");
    CHECK(wired.user.calls == 2);
    wired.write("<c/>");
    CHECK(wired.peer.take().empty());
    wired.settle();
    CHECK(wired.peer.take() == "<c/>");
    CHECK(wired.connection->address() == "192.0.2.1");
}

TEST_CASE("in memory: a window makes a backlog that drains")
{
    Wired wired;
    wired.connection->set_marks(2, 5);
    wired.peer.accept_only(3);
    wired.write("0123456789");
    wired.settle();
    CHECK(wired.connection->backlog() == 7);
    CHECK(wired.user.drained == 0);
    wired.peer.accept_everything();
    wired.settle();
    CHECK(wired.user.drained == 1);
    CHECK(wired.peer.take() == "0123456789");
}

TEST_CASE("in memory: a pause holds bytes and the end back")
{
    Wired wired;
    wired.user.then = [&](std::string_view) { wired.connection->pause_reading(); };
    wired.peer.send("a");
    wired.peer.send("b");
    wired.peer.hang_up();
    wired.settle();
    CHECK(wired.user.received == "a");
    CHECK_FALSE(wired.user.closed);
    wired.user.then = nullptr;
    wired.connection->resume_reading();
    wired.settle();
    CHECK(wired.user.received == "ab");
    CHECK(wired.user.closed);
    CHECK(wired.user.reason.empty());
}

TEST_CASE("in memory: close writes, then ends; a client that reads nothing is given up on")
{
    SUBCASE("writes")
    {
        Wired wired;
        wired.write("bye");
        wired.connection->close(5s);
        wired.settle();
        CHECK(wired.peer.take() == "bye");
        CHECK(wired.peer.is_closed());
        CHECK(wired.user.closed);
    }
    SUBCASE("gives up")
    {
        Wired wired;
        wired.peer.accept_only(0);
        wired.write("bye");
        wired.connection->close(5s);
        wired.loop.advance(4s);
        CHECK_FALSE(wired.user.closed);
        wired.loop.advance(1s);
        CHECK(wired.user.closed);
    }
}

TEST_CASE("in memory: TLS is claimed from the start or after start_tls")
{
    Wired direct({ .tls = TlsInfo { "TLSv1.3", "C", "example.org", "xmpp-client" },
        .exporter = "exporter",
        .end_point = "end point" });
    CHECK(direct.connection->is_encrypted());
    CHECK(direct.connection->tls()->server_name == "example.org");
    CHECK(direct.connection->channel_binding(ChannelBinding::exporter) == "exporter");

    Wired later({ .end_point = "end point" });
    CHECK_FALSE(later.connection->is_encrypted());
    CHECK(later.connection->channel_binding(ChannelBinding::end_point).empty());
    later.write("<proceed/>");
    REQUIRE(later.connection->start_tls(nullptr, {}));
    CHECK_FALSE(later.user.encrypted);
    later.settle();
    CHECK(later.user.encrypted);
    CHECK(later.connection->is_encrypted());
    CHECK(later.connection->channel_binding(ChannelBinding::end_point) == "end point");
}

TEST_CASE("in memory: a move carries what was sent meanwhile")
{
    Wired wired;
    bool arrived = false;
    wired.user.then = [&](std::string_view bytes) {
        if (bytes != "move")
            return;
        wired.write("moving");
        wired.connection->move_to(wired.other, [&] {
            CHECK(KernelLoop::current() == &wired.other);
            arrived = true;
        });
    };
    wired.peer.send("move");
    wired.peer.send("on");
    wired.loop.run_ready();
    CHECK(wired.peer.take() == "moving");
    CHECK(wired.user.received == "move");
    wired.peer.send("ward");
    wired.settle();
    CHECK(arrived);
    CHECK(&wired.connection->loop() == &wired.other);
    CHECK(wired.user.received == "moveonward");
}

TEST_CASE("in memory: either end may go away first")
{
    Wired wired;
    wired.peer.send("x");
    wired.connection.reset();
    wired.settle();
    CHECK(wired.peer.is_closed());
    wired.peer.send("y");
    wired.settle();

    Wired other;
    other.peer = MemoryPeer();
    other.write("into the void");
    other.settle();
    CHECK_FALSE(other.user.closed);
}

}
