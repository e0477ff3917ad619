#include "bell.h"
#include "test_server.h"

#include <doctest/doctest.h>
#include <thread>

using namespace nuncio;
using namespace nuncio::kernel;
using namespace nuncio::kernel::test;

TEST_CASE("a ring is heard once, also when nobody waited for it yet")
{
    Bell bell;
    CHECK_FALSE(bell.wait(0ms));
    bell.ring();
    bell.ring();
    CHECK(bell.wait(0ms));
    CHECK_FALSE(bell.wait(0ms));
}

TEST_CASE("a server that is run by hand waits until another thread sends something")
{
    TestServer server({});
    CHECK_FALSE(server->wait_for_mail(1ms));

    bool is_done = false;
    const std::jthread sender([&] { server->loop(1).post([&is_done] { is_done = true; }); });
    CHECK(server->wait_for_mail(1min));
    server->settle();
    CHECK(is_done);

    is_done = false;
    server->main_loop().post([&is_done] { is_done = true; });
    CHECK(server->wait_for_mail(0ms)); // it is there already
    server->settle();
    CHECK(is_done);
    CHECK_FALSE(server->wait_for_mail(0ms));
}
