#include "program_check.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    // BINPRM_BUF_SIZE: Linux reads no more of a file to know what it is.
    constexpr std::size_t head_bytes = 256;

    Error wrong(const std::string& text)
    {
        return Error { text, Error::Kind::unavailable };
    }

    std::string user()
    {
        return "the server's user (" + std::to_string(::geteuid()) + ')';
    }

    /// The first folder on the way to `path` that the server may not pass.
    std::string closed_folder(const std::string& path)
    {
        for (auto slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1))
            if (const std::string folder = path.substr(0, slash);
                ::access(folder.c_str(), X_OK) != 0)
                return folder;
        return path.substr(0, path.rfind('/'));
    }

    Result<void> check_executable(const std::string& path)
    {
        struct stat status { };
        if (::stat(path.c_str(), &status) != 0) {
            if (errno == ENOENT || errno == ENOTDIR)
                return wrong(path + ": there is no such file: install it, or correct the path");
            if (errno == EACCES)
                return wrong(path + ": " + user() + " may not enter " + closed_folder(path)
                    + ": chmod o+x it, or install the program elsewhere");
            return wrong(path + ": " + std::strerror(errno));
        }
        if (!S_ISREG(status.st_mode))
            return wrong(path + ": is not a file: expected a program or a script");
        if (::access(path.c_str(), X_OK) != 0)
            return wrong(path + ": " + user()
                + " may not execute it: chmod +x it, and see that its file system is not mounted "
                  "noexec");
        return {};
    }

    /// The beginning of the file; nothing when it may be executed, but not read.
    std::string head_of(const std::string& path)
    {
        std::array<char, head_bytes> head {};
        const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (descriptor < 0)
            return {};
        const auto count = ::read(descriptor, head.data(), head.size());
        ::close(descriptor);
        return std::string(head.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
    }

    Result<void> check_script(const std::string& path, const std::string& head)
    {
        const std::string line = head.substr(2, head.find('\n') - 2);
        if (line.ends_with('\r'))
            return wrong(path
                + ": its lines end as on Windows (CR LF), so that its interpreter is not found: "
                  "convert it with dos2unix, or sed -i 's/\\r$//'");
        const auto begin = line.find_first_not_of(" \t");
        if (begin == line.npos)
            return wrong(path + ": its first line names no interpreter behind #!");
        const std::string interpreter
            = line.substr(begin, line.find_first_of(std::string_view(" \t\0", 3), begin) - begin);
        if (::access(interpreter.c_str(), F_OK) != 0)
            return wrong(path + ": its first line names the interpreter " + interpreter
                + ", which does not exist: install it, or correct the line");
        if (::access(interpreter.c_str(), X_OK) != 0)
            return wrong(path + ": its first line names the interpreter " + interpreter + ", which "
                + user() + " may not execute");
        return {};
    }

}

Result<void> check_program(const ProcessOptions& options)
{
    if (options.command.empty() || !options.command.front().starts_with('/'))
        return wrong("a command begins with the full path of a program, not with "
            + (options.command.empty() ? "nothing" : '"' + options.command.front() + '"'));
    const std::string& path = options.command.front();
    if (auto executable = check_executable(path); !executable)
        return executable;
    struct stat folder { };
    if (::stat(options.folder.c_str(), &folder) != 0 || !S_ISDIR(folder.st_mode)
        || ::access(options.folder.c_str(), X_OK) != 0)
        return wrong(options.folder + ": is not a folder that " + user() + " may enter; " + path
            + " was to run in it");
    const std::string head = head_of(path);
    if (head.starts_with("#!"))
        return check_script(path, head);
    if (head.starts_with("\xEF\xBB\xBF#!"))
        return wrong(path
            + ": a byte order mark stands before its #!, so that its interpreter is not found: "
              "remove the first three bytes");
    // What is neither may still be a format that binfmt_misc knows; a text is not.
    if (!head.empty() && head.find('\0') == head.npos)
        return wrong(path
            + ": is a text without an interpreter: its first line must name one, as #!/bin/sh");
    if (struct stat status {}; ::stat(path.c_str(), &status) == 0 && status.st_size == 0)
        return wrong(path + ": is empty");
    return {};
}

}
