// What nuncioctl does at a terminal beside printing: asks for secrets, shows that it waits.
#include "terminal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/ioctl.h>
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

    void show_on(int fd, std::string_view text)
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
                show_on(terminal, prompt + ": ");
                auto read = read_line(terminal, name);
                show_on(terminal, "\n");
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
    show_on(STDERR_FILENO, line);
    is_drawn_ = true;
}

void StatusLine::wipe()
{
    if (std::exchange(is_drawn_, false))
        show_on(STDERR_FILENO, "\r\033[K");
}

struct Screen::State {
    HeldSignals signals;
    termios before {};
};

bool Screen::is_possible()
{
    const char* kind = std::getenv("TERM");
    return ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO) && kind
        && std::string_view(kind) != "dumb";
}

Screen::Screen()
    : state_(std::make_unique<State>())
{
    ::tcgetattr(STDIN_FILENO, &state_->before);
    termios raw = state_->before;
    // Ctrl-C is a key like q.
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
    show_on(STDOUT_FILENO, "\033[?1049h\033[?25l");
}

Screen::~Screen()
{
    show_on(STDOUT_FILENO, "\033[?25h\033[?1049l");
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &state_->before);
    state_.reset();
    if (const int signal = std::exchange(caught_signal, 0))
        ::raise(signal);
}

void Screen::show(std::string_view text)
{
    winsize size {};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        size = { .ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0 };
    std::string drawn = "\033[H";
    for (const char c : cut_to(text, size.ws_row - 1U, size.ws_col))
        drawn += c == '\n' ? std::string("\033[K\r\n") : std::string(1, c);
    show_on(STDOUT_FILENO, drawn + "\033[J");
}

bool Screen::wait(std::chrono::milliseconds time)
{
    using Clock = std::chrono::steady_clock;
    const auto until = Clock::now() + time;
    for (auto now = Clock::now(); now < until; now = Clock::now()) {
        if (caught_signal != 0)
            return false;
        pollfd keys { .fd = STDIN_FILENO, .events = POLLIN, .revents = 0 };
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
        if (::poll(&keys, 1, static_cast<int>(left.count())) <= 0)
            continue;
        char key = 'q'; // a terminal that went away wants to leave, too
        [[maybe_unused]] const ssize_t count = ::read(STDIN_FILENO, &key, 1);
        if (key == 'q' || key == 'Q' || key == '\3')
            return false;
    }
    return true;
}

std::string cut_to(std::string_view text, std::size_t lines, std::size_t columns)
{
    std::string out;
    while (lines-- > 0 && !text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        std::size_t width = 0;
        for (const char c : text.substr(0, end)) {
            width += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
            if (width > columns)
                break;
            out += c;
        }
        out += '\n';
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

}
