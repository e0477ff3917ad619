#include "net_fixture.h"
#include "socket_connection.h"

#include <atomic>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <thread>

namespace nuncio::kernel {

using namespace testing;

namespace {

    /// A connection on a loop that this thread turns, and its peer.
    struct Wired {
        explicit Wired(Pair fds = socket_pair())
            : connection(std::make_unique<SocketConnection>(loop, fds.server, "192.0.2.1"))
            , peer(fds.client)
        {
            connection->set_user(&user);
        }
        ~Wired() { connection.reset(); }

        void write(std::string_view bytes)
        {
            connection->output().append(bytes);
            connection->flush_later();
        }
        bool until(const std::function<bool()>& done) { return run_until(loop, done); }
        /// Everything that is ready now, and some turns more.
        void turn()
        {
            for (int i = 0; i < 5; ++i)
                loop.run_ready();
        }

        KernelLoop loop { 0, ClockKind::real };
        NotingUser user;
        std::unique_ptr<SocketConnection> connection;
        Peer peer;
    };

    std::string pattern(std::size_t size)
    {
        std::string text(size, ' ');
        for (std::size_t i = 0; i < size; ++i)
            text[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
        return text;
    }

}

TEST_CASE("bytes go both ways")
{
    Wired wired;
    wired.peer.send("<hello/>");
    CHECK(wired.until([&] { return wired.user.received == "<hello/>"; }));
    wired.write("<welcome/>");
    wired.turn();
    CHECK(wired.peer.receive() == "<welcome/>");
    CHECK(wired.connection->address() == "192.0.2.1");
}

TEST_CASE("everything that one turn writes leaves in one piece at its end")
{
    Wired wired;
    wired.loop.post([&] {
        wired.write("one");
        wired.loop.post([&] { wired.write("two"); });
    });
    CHECK(wired.peer.receive().empty());
    CHECK(wired.loop.run_ready());
    CHECK(wired.peer.receive() == "onetwo");
    CHECK(wired.connection->backlog() == 0);
}

TEST_CASE("a peer that does not read makes a backlog, which drains when it reads")
{
    Wired wired;
    wired.connection->set_marks(1000, 100000);
    const auto text = pattern(3 << 20);
    wired.write(text);
    wired.turn();
    CHECK(wired.connection->backlog() > 100000);
    CHECK(wired.connection->backlog() < text.size());
    CHECK(wired.user.drained == 0);
    wired.write("end");
    std::string received;
    CHECK(wired.until([&] {
        received += wired.peer.receive(10000);
        return received.size() == text.size() + 3;
    }));
    CHECK(received == text + "end");
    wired.turn();
    CHECK(wired.user.drained == 1);
    CHECK(wired.connection->backlog() == 0);
}

TEST_CASE("while reading is paused the user hears nothing, and everything afterwards")
{
    Wired wired;
    wired.connection->pause_reading();
    wired.turn();
    wired.peer.send("later");
    wired.turn();
    CHECK(wired.user.received.empty());
    wired.connection->resume_reading();
    CHECK(wired.until([&] { return wired.user.received == "later"; }));
}

TEST_CASE("a user that pauses while it is told something is told no more")
{
    Wired wired;
    wired.user.then = [&](std::string_view) { wired.connection->pause_reading(); };
    const auto text = pattern(100000);
    std::size_t sent = wired.peer.send(text);
    REQUIRE(sent > KernelLoop::read_buffer_size);
    CHECK(wired.until([&] { return wired.user.calls == 1; }));
    wired.turn();
    CHECK(wired.user.calls == 1);
    wired.user.then = nullptr;
    wired.connection->resume_reading();
    CHECK(wired.until([&] { return wired.user.received.size() == sent; }));
    CHECK(wired.user.received == text.substr(0, sent));
}

TEST_CASE("the shaper lets a second's burst through and then keeps to its rate")
{
    Wired wired;
    wired.connection->set_read_rate(20000);
    wired.peer.send(pattern(24000));
    CHECK(wired.until([&] { return wired.user.received.size() >= 20000; }));
    CHECK(wired.user.received.size() <= 20200); // what a few milliseconds gain
    const auto begin = std::chrono::steady_clock::now();
    CHECK(wired.until([&] { return wired.user.received.size() == 24000; }));
    CHECK(std::chrono::steady_clock::now() - begin >= 150ms);
    CHECK(wired.user.received == pattern(24000));
}

TEST_CASE("the peer's end is the connection's, without a reason")
{
    Wired wired;
    wired.peer.send("last");
    wired.peer.hang_up();
    CHECK(wired.until([&] { return wired.user.closed; }));
    CHECK(wired.user.received == "last");
    CHECK(wired.user.reason.empty());
}

TEST_CASE("a peer that closed its half still gets what was answered in that turn")
{
    Wired wired(tcp_pair());
    wired.user.then = [&](std::string_view) { wired.write("answer"); };
    wired.peer.send("question");
    wired.peer.half_close();
    CHECK(wired.until([&] { return wired.user.closed; }));
    CHECK(wired.user.reason.empty());
    CHECK(wired.peer.receive() == "answer");
    CHECK(wired.peer.has_end());
}

TEST_CASE("a reset ends the connection and says so")
{
    Wired wired(tcp_pair());
    wired.turn();
    wired.peer.reset();
    CHECK(wired.until([&] { return wired.user.closed; }));
    CHECK(wired.user.reason == "connection reset by peer");
}

TEST_CASE("close writes everything, then waits for the peer's end")
{
    Wired wired(tcp_pair());
    const auto text = pattern(8 << 20);
    wired.write(text);
    wired.connection->close(60s);
    wired.peer.send("too late");
    std::string received;
    CHECK(wired.until([&] {
        received += wired.peer.receive(100000);
        return wired.peer.has_end();
    }));
    CHECK(received == text);
    CHECK_FALSE(wired.peer.has_reset());
    CHECK_FALSE(wired.user.closed);
    CHECK(wired.user.received.empty());
    wired.peer.hang_up();
    CHECK(wired.until([&] { return wired.user.closed; }));
    CHECK(wired.user.reason.empty());
}

TEST_CASE("close gives up on a peer that never reads")
{
    Wired wired;
    wired.write(pattern(8 << 20));
    wired.connection->close(20ms);
    CHECK(wired.until([&] { return wired.user.closed; }));
    CHECK(wired.user.reason == "the peer does not read");
}

TEST_CASE("close gives up on a peer that never ends")
{
    Wired wired;
    wired.write("bye");
    wired.connection->close(20ms);
    CHECK(wired.until([&] { return wired.user.closed; }));
    CHECK(wired.user.reason.empty());
    CHECK(wired.peer.receive() == "bye");
}

TEST_CASE("close without linger writes what fits and ends in this turn")
{
    Wired wired;
    wired.user.then = [&](std::string_view) {
        wired.write("bye");
        wired.connection->close(0s);
    };
    wired.peer.send("x");
    CHECK(wired.until([&] { return wired.user.closed; }));
    CHECK(wired.peer.receive() == "bye");
    CHECK(wired.peer.has_end());
}

TEST_CASE("a connection may be destroyed with output pending, and when it was told to end")
{
    {
        Wired wired;
        wired.write(pattern(1 << 20));
        wired.connection.reset();
        wired.turn();
        CHECK_FALSE(wired.user.closed);
        CHECK(wired.peer.receive().empty());
        CHECK(wired.peer.has_end());
    }
    Wired wired;
    struct Owner final : ConnectionUser {
        std::unique_ptr<SocketConnection>* owned = nullptr;
        void on_bytes(std::string_view) override { }
        void on_encrypted() override { }
        void on_drained() override { }
        void on_closed(std::string_view) override { owned->reset(); }
    } owner;
    owner.owned = &wired.connection;
    wired.connection->set_user(&owner);
    wired.peer.hang_up();
    CHECK(wired.until([&] { return !wired.connection; }));
    wired.turn();
}

TEST_CASE("a connection moves between running loops under traffic and nothing is lost")
{
    constexpr int moves = 200;
    const auto fds = socket_pair();
    RunningLoop a(0);
    RunningLoop b(1);
    std::unique_ptr<SocketConnection> connection;

    // Echoes, and moves to the other loop every now and then.
    struct Echo final : ConnectionUser {
        KernelLoop* loops[2] = {};
        SocketConnection* connection = nullptr;
        std::atomic<int> moved = 0;
        std::atomic<int> on_wrong_loop = 0;
        std::atomic<bool> closed = false;
        bool moving = false;
        void on_bytes(std::string_view bytes) override
        {
            on_wrong_loop += KernelLoop::current() != &connection->loop();
            on_wrong_loop += moving;
            connection->output().append(bytes);
            connection->flush_later();
            if (moved >= moves)
                return;
            moving = true;
            auto* const target = loops[KernelLoop::current() == loops[0]];
            connection->move_to(*target, [this, target] {
                on_wrong_loop += KernelLoop::current() != target;
                moving = false;
                ++moved;
            });
        }
        void on_encrypted() override { }
        void on_drained() override { }
        void on_closed(std::string_view) override { closed = true; }
    } echo;
    echo.loops[0] = &a.loop;
    echo.loops[1] = &b.loop;
    a.run([&] {
        connection = std::make_unique<SocketConnection>(a.loop, fds.server, "192.0.2.1");
        echo.connection = connection.get();
        connection->set_user(&echo);
    });

    Peer peer(fds.client);
    // How many bytes one move takes is up to the machine, so the traffic goes on until all are
    // made.
    const auto text = pattern(1 << 20);
    std::string sent, received;
    CHECK(wait_until([&] {
        if (echo.moved < moves && sent.size() - received.size() < 100000) {
            const auto piece
                = std::string_view(text).substr(sent.size() % (text.size() - 5000), 5000);
            sent += piece.substr(0, peer.send(piece));
        }
        received += peer.receive();
        return echo.moved == moves && received.size() == sent.size();
    }));
    CHECK(received == sent);
    CHECK(echo.on_wrong_loop == 0);
    peer.hang_up();
    CHECK(wait_until([&] { return echo.closed.load(); }));
    auto& last = &connection->loop() == &a.loop ? a : b;
    last.run([&] { connection.reset(); });
}

TEST_CASE("an end that comes while a connection moves is told where it arrives")
{
    Wired wired;
    KernelLoop other(1, ClockKind::real);
    bool arrived = false;
    wired.user.then = [&](std::string_view) {
        wired.connection->move_to(other, [&] {
            CHECK_FALSE(wired.user.closed);
            arrived = true;
        });
        wired.connection->close(0s);
    };
    wired.peer.send("x");
    CHECK(wired.until([&] { return &wired.connection->loop() == &other; }));
    CHECK_FALSE(wired.user.closed);
    CHECK(run_until(other, [&] { return wired.user.closed; }));
    CHECK(arrived);
    wired.connection.reset();
    other.run_ready();
}

TEST_CASE("a layer pushed on a running connection encodes what follows and nothing before")
{
    struct Upper final : StreamLayer {
        Result<void> decode(std::string_view wire, std::string& plain, std::string&) override
        {
            if (wire.find('!') != std::string_view::npos)
                return Error { "layer: '!' is refused" };
            for (const char c : wire)
                plain += static_cast<char>(c + 1);
            return {};
        }
        Result<void> encode(std::string_view plain, std::string& wire) override
        {
            for (const char c : plain)
                wire += static_cast<char>(c - 1);
            return {};
        }
    };
    Wired wired;
    wired.write("before;");
    wired.connection->push_layer(std::make_unique<Upper>());
    wired.write("bcd");
    wired.connection->push_layer(std::make_unique<Upper>());
    wired.write("cde");
    wired.turn();
    CHECK(wired.peer.receive() == "before;abcabc");
    wired.peer.send("abc");
    CHECK(wired.until([&] { return wired.user.received == "cde"; }));
    wired.peer.send("!");
    CHECK(wired.until([&] { return wired.user.closed; }));
    CHECK(wired.user.reason == "layer: '!' is refused");
}

TEST_CASE("a connection is small")
{
    CHECK(sizeof(SocketConnection) <= 448);
}

}
