// What the command line says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace nuncio::bench {

enum class Transport { plain, starttls, tls };
enum class Mechanism { scram_sha_1, scram_sha_256, plain };

constexpr std::string_view name_of(Transport transport)
{
    switch (transport) {
    case Transport::plain:
        return "plain";
    case Transport::starttls:
        return "starttls";
    case Transport::tls:
        return "tls";
    }
    return "";
}

constexpr std::string_view name_of(Mechanism mechanism)
{
    switch (mechanism) {
    case Mechanism::scram_sha_1:
        return "SCRAM-SHA-1";
    case Mechanism::scram_sha_256:
        return "SCRAM-SHA-256";
    case Mechanism::plain:
        return "PLAIN";
    }
    return "";
}

struct Options {
    // The server, and its process for the accounting (0: don't account).
    std::string address = "127.0.0.1";
    std::uint16_t port = 5222;
    std::string domain = "localhost";
    pid_t pid = 0;

    // The accounts: <prefix><number>, all with one password.
    std::string prefix = "u";
    std::string password = "bench-password";
    std::uint32_t first = 0;
    std::uint32_t users = 200;

    Transport transport = Transport::tls;
    Mechanism mechanism = Mechanism::scram_sha_1;
    std::string scram_cache;

    // Bounds: a run ends when either of the first two is reached.
    double seconds = 5;
    std::uint64_t count = 100'000'000;
    double warm_up = 1;
    double grace = 10;
    double setup_seconds = 120;
    std::uint32_t concurrency = 16;

    // What is sent.
    std::uint32_t window = 1;
    double rate = 0; // Stanzas per second over all sessions; 0 is a closed loop.
    std::uint32_t size = 200; // Bytes of a chat message on its way to the server.
    bool full_jid = false;
    bool is_led = false; // Says when it measures, and measures until its standard input ends.
    std::uint32_t subscribers = 20;
    double hold = 2;

    std::string json;
    std::string label;
    std::vector<std::string> command; // startup: the server's command line.
};

}
