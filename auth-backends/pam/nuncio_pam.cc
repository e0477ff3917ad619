// nuncio-pam: asks PAM for nuncio, as a process of its own that may have rights the server gave up.
#include "check.h"
#include "relay.h"
#include "rights.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>

namespace {

using namespace nuncio::pam;

// No refusal comes faster: whoever gets hold of this program guesses twice a second, and hears no
// difference between a wrong password and a user that does not exist.
constexpr auto shortest_refusal = std::chrono::milliseconds(500);
// A module that hangs ends the process; the server starts another one.
constexpr unsigned longest_request = 60; // seconds
constexpr std::size_t most_bytes = 65535;

/// False at the end of the input.
bool read_exactly(char* to, std::size_t count)
{
    while (count > 0) {
        const auto got = ::read(STDIN_FILENO, to, count);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        count -= static_cast<std::size_t>(got);
    }
    return true;
}

bool write_answer(Code code)
{
    const auto value = static_cast<unsigned>(code);
    const std::array<char, 4> answer { 0, 2, static_cast<char>(value >> 8U),
        static_cast<char>(value & 0xFFU) };
    for (std::size_t written = 0; written < answer.size();) {
        const auto more = ::write(STDOUT_FILENO, answer.data() + written, answer.size() - written);
        if (more < 0 && errno != EINTR)
            return false;
        written += more > 0 ? static_cast<std::size_t>(more) : 0;
    }
    return true;
}

Code answer(const std::string& service, std::string_view text)
{
    using Clock = std::chrono::steady_clock;
    const auto began = Clock::now();
    const auto request = parse_request(text);
    const Code code = request ? check(service, *request) : Code::no;
    if (code == Code::no && (!request || request->kind == Request::Kind::auth))
        std::this_thread::sleep_until(began + shortest_refusal);
    return code;
}

int serve(const std::string& service)
{
    static std::array<char, most_bytes> buffer;
    for (std::array<unsigned char, 2> head {};
         read_exactly(reinterpret_cast<char*>(head.data()), 2);) {
        const std::size_t size = head[0] * 256U + head[1];
        if (!read_exactly(buffer.data(), size))
            return 1;
        ::alarm(longest_request);
        const Code code = answer(service, { buffer.data(), size });
        ::alarm(0);
        ::explicit_bzero(buffer.data(), size);
        if (!write_answer(code))
            return 1;
    }
    return 0; // the server has gone
}

/// PAM would ask its service `other`, which refuses everybody, and nobody would know why.
void warn_of_missing(const std::string& service)
{
    for (const char* folder : { "/etc/pam.d/", "/usr/lib/pam.d/" })
        if (::access((folder + service).c_str(), F_OK) == 0)
            return;
    if (::access("/etc/pam.conf", F_OK) == 0 && ::access("/etc/pam.d", F_OK) != 0)
        return;
    std::fprintf(stderr,
        "there is no /etc/pam.d/%s: PAM asks the service `other` instead, which refuses everybody; "
        "install one (an example is among nuncio's documents)\n",
        service.c_str());
}

}

int main(int count, char** arguments)
{
    if (!drop_rights()) {
        std::fputs("cannot give up the rights that are not needed\n", stderr);
        return 1;
    }
    if (count == 3 && std::strcmp(arguments[1], "--connect") == 0)
        return relay(arguments[2]);
    if (count != 2 || !is_service_name(arguments[1])) {
        std::fputs("usage: nuncio-pam SERVICE | nuncio-pam --connect SOCKET\n", stderr);
        return 2;
    }
    if (are_rights_raised() && !is_own_service(arguments[1])) {
        std::fprintf(stderr,
            "the service %s is not for nuncio: with raised rights only nuncio, xmpp and names that "
            "begin with nuncio- or xmpp- may be used\n",
            arguments[1]);
        return 2;
    }
    warn_of_missing(arguments[1]);
    return serve(arguments[1]);
}
