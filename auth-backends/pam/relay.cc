#include "relay.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace nuncio::pam {

namespace {

    int connect_to(const char* path)
    {
        sockaddr_un address {};
        address.sun_family = AF_UNIX;
        if (std::strlen(path) >= sizeof address.sun_path) {
            errno = ENAMETOOLONG;
            return -1;
        }
        std::strcpy(address.sun_path, path);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0
            && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            const int failure = errno;
            ::close(fd);
            errno = failure;
            return -1;
        }
        return fd;
    }

    /// What is there now; false at an end.
    bool pass_on(int from, int to)
    {
        char buffer[4096];
        const auto count = ::read(from, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR)
            return true;
        if (count <= 0)
            return false;
        for (ssize_t written = 0; written < count;) {
            const auto more
                = ::write(to, buffer + written, static_cast<std::size_t>(count - written));
            if (more < 0 && errno != EINTR)
                return false;
            written += more > 0 ? more : 0;
        }
        ::explicit_bzero(buffer, sizeof buffer);
        return true;
    }

}

int relay(const char* path)
{
    const int socket = connect_to(path);
    if (socket < 0) {
        std::fprintf(stderr,
            "%s: %s: is nuncio-pam.socket enabled, and may this user's group connect to it?\n",
            path, std::strerror(errno));
        return 1;
    }
    for (;;) {
        pollfd both[] = { { STDIN_FILENO, POLLIN, 0 }, { socket, POLLIN, 0 } };
        if (::poll(both, 2, -1) < 0 && errno != EINTR)
            return 1;
        if (both[1].revents && !pass_on(socket, STDOUT_FILENO)) {
            std::fprintf(stderr, "%s: the helper has ended: see its log\n", path);
            return 1;
        }
        if (both[0].revents && !pass_on(STDIN_FILENO, socket))
            return 0; // the server has gone
    }
}

}
