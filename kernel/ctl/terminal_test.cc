#include "terminal.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <functional>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

using namespace nuncio::ctl;
using namespace std::chrono_literals;

namespace {

/// A program on a terminal of its own; this process is who sits at it.
class Terminal {
public:
    explicit Terminal(const std::function<int()>& program)
    {
        std::fflush(nullptr); // or the program would say what the tests have said so far
        child_ = ::forkpty(&fd_, nullptr, nullptr, nullptr);
        REQUIRE(child_ >= 0);
        if (child_ != 0)
            return;
        for (const int signal : { SIGINT, SIGTERM, SIGABRT })
            ::signal(signal, SIG_DFL); // doctest's are not the program's
        ::_exit(program());
    }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal() { ::close(fd_); }

    /// Reads until `text` has been shown since the last call; an empty one reads to the end.
    bool shows(const std::string& text)
    {
        std::string fresh;
        while (text.empty() || fresh.find(text) == std::string::npos) {
            pollfd waiting { .fd = fd_, .events = POLLIN, .revents = 0 };
            char bytes[1024];
            const ssize_t count
                = ::poll(&waiting, 1, 20000) > 0 ? ::read(fd_, bytes, sizeof bytes) : 0;
            if (count <= 0)
                return text.empty();
            fresh.append(bytes, std::size_t(count));
            screen_.append(bytes, std::size_t(count));
        }
        return true;
    }
    void type(std::string_view text) { REQUIRE(::write(fd_, text.data(), text.size()) > 0); }
    bool echoes() const
    {
        termios now {};
        REQUIRE(::tcgetattr(fd_, &now) == 0);
        return now.c_lflag & ECHO;
    }
    int status() const
    {
        int status = 0;
        ::waitpid(child_, &status, 0);
        return status;
    }
    const std::string& screen() const { return screen_; }

private:
    int fd_ = -1;
    pid_t child_ = -1;
    std::string screen_;
};

int ask_for_pencil()
{
    const auto secret = ask_secret("password");
    return secret && *secret == "pencil" ? 0 : 1;
}

}

TEST_CASE("a secret is asked for twice and never shown")
{
    Terminal terminal(ask_for_pencil);
    REQUIRE(terminal.shows("password: "));
    CHECK_FALSE(terminal.echoes());
    terminal.type("pencil\n");
    REQUIRE(terminal.shows("password again: "));
    CHECK_FALSE(terminal.echoes());
    terminal.type("pencil\n");
    terminal.shows("");
    CHECK(terminal.status() == 0);
    CHECK(terminal.echoes());
    CHECK(terminal.screen().find("pencil") == std::string::npos);
}

TEST_CASE("two secrets that differ are not taken")
{
    Terminal terminal(ask_for_pencil);
    REQUIRE(terminal.shows("password: "));
    terminal.type("pencil\n");
    REQUIRE(terminal.shows("password again: "));
    terminal.type("pencils\n");
    terminal.shows("");
    CHECK(WEXITSTATUS(terminal.status()) == 1);
}

TEST_CASE("Ctrl-C at the question ends the program and leaves the terminal as it was")
{
    Terminal terminal(ask_for_pencil);
    REQUIRE(terminal.shows("password: "));
    terminal.type("pen\x03");
    terminal.shows("");
    const int status = terminal.status();
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGINT);
    CHECK(terminal.echoes());
}

TEST_CASE("whoever waits is shown it after a moment, and the line goes away")
{
    Terminal terminal([] {
        ::setenv("TERM", "xterm", 1);
        const auto now = StatusLine::Clock::now();
        StatusLine status("plugin load");
        status.tick(now + 200ms);
        status.tick(now + 400ms);
        status.tick(now + 2500ms);
        return 0;
    });
    terminal.shows("");
    CHECK(terminal.status() == 0);
    CHECK(terminal.screen() == "\r\033[K| plugin load\r\033[K/ plugin load, 2 s\r\033[K");
}

TEST_CASE("a dumb terminal is shown no status")
{
    Terminal terminal([] {
        ::setenv("TERM", "dumb", 1);
        StatusLine("plugin load").tick(StatusLine::Clock::now() + 1s);
        return 0;
    });
    terminal.shows("");
    CHECK(terminal.status() == 0);
    CHECK(terminal.screen().empty());
}

TEST_CASE("what is drawn on a screen is cut to its lines and columns, between characters")
{
    CHECK(cut_to("abcdef\nxy\nz\n", 2, 3) == "abc\nxy\n");
    CHECK(cut_to("äöü", 5, 2) == "äö\n");
    CHECK(cut_to("", 5, 2).empty());
}
