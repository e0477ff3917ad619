// What nuncioctl does at a terminal beside printing: asks for secrets, shows that it waits.
#include "terminal.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string_view>
#include <termios.h>
#include <unistd.h>
#include <utility>

namespace nuncio::ctl {

namespace {

    constexpr std::size_t longest = 65536;

    class File {
    public:
        explicit File(int fd)
            : fd_(fd)
        {
        }
        File(const File&) = delete;
        File& operator=(const File&) = delete;
        ~File()
        {
            if (fd_ >= 0)
                ::close(fd_);
        }
        int fd() const { return fd_; }

    private:
        int fd_;
    };

    // A handler reaches nothing else.
    volatile std::sig_atomic_t caught_signal = 0;

    /// Signals that would end or suspend the program are only noted while it lives, so that the
    /// terminal can be left as it was found.
    class HeldSignals {
    public:
        HeldSignals()
        {
            struct sigaction note { };
            note.sa_handler = [](int signal) { caught_signal = signal; };
            for (std::size_t i = 0; i < held.size(); ++i)
                ::sigaction(held[i], &note, &before_[i]); // without SA_RESTART: read() returns
        }
        HeldSignals(const HeldSignals&) = delete;
        HeldSignals& operator=(const HeldSignals&) = delete;
        ~HeldSignals()
        {
            for (std::size_t i = 0; i < held.size(); ++i)
                ::sigaction(held[i], &before_[i], nullptr);
        }

    private:
        static constexpr std::array held { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
        std::array<struct sigaction, held.size()> before_ {};
    };

    /// The terminal does not show what is typed while it lives.
    class NoEcho {
    public:
        explicit NoEcho(int fd)
            : fd_(fd)
            , is_changed_(::tcgetattr(fd, &before_) == 0)
        {
            termios quiet = before_;
            quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
            if (is_changed_)
                ::tcsetattr(fd, TCSAFLUSH, &quiet);
        }
        NoEcho(const NoEcho&) = delete;
        NoEcho& operator=(const NoEcho&) = delete;
        ~NoEcho()
        {
            if (is_changed_)
                ::tcsetattr(fd_, TCSAFLUSH, &before_);
        }

    private:
        int fd_;
        termios before_ {};
        bool is_changed_;
    };

    void show(int fd, std::string_view text)
    {
        // A terminal that cannot be written to is no reason to give up.
        [[maybe_unused]] const ssize_t shown = ::write(fd, text.data(), text.size());
    }

    /// Byte by byte: what follows the line belongs to whoever reads next.
    Result<std::string> read_line(int fd, const std::string& name)
    {
        std::string line;
        char c = 0;
        while (caught_signal == 0) {
            const ssize_t count = ::read(fd, &c, 1);
            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0 || c == '\n')
                break;
            line += c;
            if (line.size() > longest)
                return Error { name + ": is longer than 64 KiB", Error::Kind::limit };
        }
        if (line.empty())
            return Error { name + ": nothing was entered" };
        return line;
    }

    Result<std::string> ask(int terminal, const std::string& name, const std::string& prompt)
    {
        while (true) {
            Result<std::string> line = [&] {
                const HeldSignals held;
                const NoEcho quiet(terminal);
                show(terminal, prompt + ": ");
                auto read = read_line(terminal, name);
                show(terminal, "\n");
                return read;
            }();
            const int signal = std::exchange(caught_signal, 0);
            if (signal == 0)
                return line;
            ::raise(signal);
            if (signal != SIGTSTP) // after a pause the question is asked again
                return Error { name + ": interrupted; nothing was changed" };
        }
    }

}

Result<std::string> ask_secret(const std::string& name)
{
    if (!::isatty(STDIN_FILENO))
        return read_line(STDIN_FILENO, name);
    const File terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (terminal.fd() < 0)
        return Error { name + ": is missing, and there is no terminal to ask for it" };
    auto first = ask(terminal.fd(), name, name);
    if (!first)
        return first;
    const auto again = ask(terminal.fd(), name, name + " again");
    if (!again)
        return again;
    if (*first != *again)
        return Error { "the two differ; nothing was changed" };
    return first;
}

StatusLine::StatusLine(std::string text)
    : text_(std::move(text))
{
    const char* kind = std::getenv("TERM");
    is_possible_ = ::isatty(STDERR_FILENO) && kind && std::string_view(kind) != "dumb";
}

StatusLine::~StatusLine()
{
    wipe();
}

void StatusLine::tick(Clock::time_point now)
{
    using namespace std::chrono_literals;
    const auto waited = now - began_;
    if (!is_possible_ || waited < 300ms)
        return;
    constexpr std::string_view frames = "|/-\\";
    std::string line = "\r\033[K";
    line += frames[frame_++ % frames.size()];
    line += ' ' + text_;
    if (const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(waited).count())
        line += ", " + std::to_string(seconds) + " s";
    show(STDERR_FILENO, line);
    is_drawn_ = true;
}

void StatusLine::wipe()
{
    if (std::exchange(is_drawn_, false))
        show(STDERR_FILENO, "\r\033[K");
}

}
