#include "listener.h"
#include "net_fixture.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nuncio::kernel {

using namespace testing;

namespace {

    int dial(std::uint16_t port, bool v6 = false)
    {
        sockaddr_storage storage {};
        socklen_t size = 0;
        if (v6) {
            auto* const address = reinterpret_cast<sockaddr_in6*>(&storage);
            address->sin6_family = AF_INET6;
            address->sin6_port = htons(port);
            address->sin6_addr = in6addr_loopback;
            size = sizeof *address;
        } else {
            auto* const address = reinterpret_cast<sockaddr_in*>(&storage);
            address->sin_family = AF_INET;
            address->sin_port = htons(port);
            address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            size = sizeof *address;
        }
        const auto fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0) {
            ::close(fd);
            return -1;
        }
        ::fcntl(fd, F_SETFL, O_NONBLOCK);
        return fd;
    }

    bool has_ipv6()
    {
        const Peer probe(::socket(AF_INET6, SOCK_STREAM, 0));
        sockaddr_in6 address {};
        address.sin6_family = AF_INET6;
        address.sin6_addr = in6addr_loopback;
        return probe.fd() >= 0
            && ::bind(probe.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }

    struct Guests {
        std::vector<std::unique_ptr<Peer>> peers;
        std::vector<std::string> addresses;
        std::vector<std::string> troubles;
        Listener::Handlers handlers()
        {
            return {
                [this](int fd, std::string address) {
                    peers.push_back(std::make_unique<Peer>(fd));
                    addresses.push_back(std::move(address));
                },
                [this](std::string_view reason) { troubles.emplace_back(reason); },
            };
        }
    };

}

TEST_CASE("one port takes guests of both families and names them without the port")
{
    KernelLoop loop(0, ClockKind::real);
    Guests guests;
    const auto listener = Listener::open(loop, { "::" }, 0, guests.handlers());
    REQUIRE(listener);
    const auto port = (*listener)->port();
    CHECK(port != 0);
    const Peer v4(dial(port));
    CHECK(run_until(loop, [&] { return guests.peers.size() == 1; }));
    CHECK(guests.addresses.front() == "127.0.0.1");
    CHECK(peer_address(guests.peers.front()->fd()) == "127.0.0.1");
    CHECK((::fcntl(guests.peers.front()->fd(), F_GETFL) & O_NONBLOCK) != 0);
    if (has_ipv6()) {
        const Peer v6(dial(port, true));
        CHECK(run_until(loop, [&] { return guests.peers.size() == 2; }));
        CHECK(guests.addresses.back() == "::1");
    }
}

TEST_CASE("several addresses share the port that the system chose")
{
    KernelLoop loop(0, ClockKind::real);
    Guests guests;
    const auto listener = Listener::open(loop, { "127.0.0.1", "127.0.0.2" }, 0, guests.handlers());
    REQUIRE(listener);
    const Peer guest(dial((*listener)->port()));
    CHECK(run_until(loop, [&] { return guests.peers.size() == 1; }));
}

TEST_CASE("a crowd is accepted completely")
{
    KernelLoop loop(0, ClockKind::real);
    Guests guests;
    const auto listener = Listener::open(loop, { "127.0.0.1" }, 0, guests.handlers());
    REQUIRE(listener);
    std::vector<std::unique_ptr<Peer>> crowd;
    for (int i = 0; i < 200; ++i)
        crowd.push_back(std::make_unique<Peer>(dial((*listener)->port())));
    CHECK(run_until(loop, [&] { return guests.peers.size() == crowd.size(); }));
}

TEST_CASE("a port that is taken, and an address that is none, are told by name")
{
    KernelLoop loop(0, ClockKind::real);
    Guests guests;
    const auto first = Listener::open(loop, { "127.0.0.1" }, 0, guests.handlers());
    REQUIRE(first);
    const auto port = (*first)->port();
    const auto second = Listener::open(loop, { "127.0.0.1" }, port, guests.handlers());
    REQUIRE_FALSE(second);
    CHECK(second.error().kind == Error::Kind::conflict);
    CHECK(second.error().text
        == "listen: cannot listen on 127.0.0.1 port " + std::to_string(port)
            + ": Address already in use");
    const auto third = Listener::open(loop, { "localhost" }, 0, guests.handlers());
    REQUIRE_FALSE(third);
    CHECK(third.error().text
        == "listen: 'localhost' is no address; expected IPv4 or IPv6, as in \"::\"");
}

TEST_CASE("a listener that is dropped frees its port at once")
{
    KernelLoop loop(0, ClockKind::real);
    Guests guests;
    auto first = Listener::open(loop, { "127.0.0.1" }, 0, guests.handlers());
    REQUIRE(first);
    const auto port = (*first)->port();
    first->reset();
    CHECK(dial(port) == -1);
    const auto second = Listener::open(loop, { "127.0.0.1" }, port, guests.handlers());
    REQUIRE(second);
    const Peer guest(dial(port));
    CHECK(run_until(loop, [&] { return guests.peers.size() == 1; }));
}

TEST_CASE("without descriptors guests are turned away, and served again when there are some")
{
    KernelLoop loop(0, ClockKind::real);
    Guests guests;
    const auto listener = Listener::open(loop, { "127.0.0.1" }, 0, guests.handlers());
    REQUIRE(listener);
    std::vector<std::unique_ptr<Peer>> crowd;
    for (int i = 0; i < 3; ++i)
        crowd.push_back(std::make_unique<Peer>(dial((*listener)->port())));

    rlimit before {};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const auto highest = ::dup(0);
    ::close(highest);
    const rlimit none { static_cast<rlim_t>(highest), before.rlim_max };
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto told = run_until(loop, [&] { return !guests.troubles.empty(); });
    for (int i = 0; i < 100; ++i)
        loop.run_ready();
    const auto troubles = guests.troubles.size();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);

    CHECK(told);
    CHECK(guests.troubles.front() == "Too many open files");
    CHECK(troubles <= 2); // it rests, it does not spin
    CHECK(guests.peers.size() < crowd.size());
    CHECK(run_until(loop, [&] {
        crowd.front()->receive();
        return crowd.front()->has_end() || crowd.front()->has_reset();
    }));
    CHECK(run_until(loop, [&] { return guests.peers.size() == 2; }));
}

}
