// Asking for a secret.
#include "terminal.h"

#include <cstdio>
#include <memory>
#include <termios.h>
#include <unistd.h>

namespace nuncio::ctl {

namespace {

    constexpr std::size_t longest = 65536;

    struct CloseFile {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    Result<std::string> read_line(std::FILE* file)
    {
        std::string line;
        int c = 0;
        while ((c = std::fgetc(file)) != EOF && c != '\n') {
            line += static_cast<char>(c);
            if (line.size() > longest)
                return Error { "it is longer than 64 KiB", Error::Kind::limit };
        }
        if (line.empty())
            return Error { "nothing was entered" };
        return line;
    }

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

    Result<std::string> ask(std::FILE* terminal, const std::string& prompt)
    {
        const NoEcho quiet(::fileno(terminal));
        std::fprintf(terminal, "%s: ", prompt.c_str());
        std::fflush(terminal);
        auto line = read_line(terminal);
        std::fputc('\n', terminal);
        return line;
    }

}

Result<std::string> ask_secret(const std::string& name)
{
    if (!::isatty(STDIN_FILENO))
        return read_line(stdin);
    const std::unique_ptr<std::FILE, CloseFile> terminal(std::fopen("/dev/tty", "r+e"));
    if (!terminal)
        return Error { name + ": is missing, and there is no terminal to ask for it" };
    auto first = ask(terminal.get(), name);
    if (!first)
        return first;
    const auto again = ask(terminal.get(), name + " again");
    if (!again)
        return again;
    if (*first != *again)
        return Error { "the two differ; nothing was changed" };
    return first;
}

}
