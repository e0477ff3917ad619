#include "program_start.h"

#include "program_check.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace nuncio::kernel {

namespace {

    Error failed(const std::string& what, int code)
    {
        return Error { what + ": " + std::strerror(code), Error::Kind::unavailable };
    }

    struct Pipe {
        FileDescriptor reading, writing;
    };

    /// Above the three that a child has: should the server be without one of its own.
    int lift(int number)
    {
        if (number > STDERR_FILENO)
            return number;
        const int lifted = ::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        ::close(number);
        return lifted;
    }

    /// Real pipes and not socket pairs: a script may open /dev/stdin.
    Result<Pipe> make_pipe()
    {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0)
            return failed("cannot make a pipe", errno);
        Pipe made { FileDescriptor(lift(ends[0])), FileDescriptor(lift(ends[1])) };
        if (made.reading.number() < 0 || made.writing.number() < 0)
            return failed("cannot make a pipe", EMFILE);
        return Result<Pipe>(std::move(made));
    }

    void keep_from_blocking(const FileDescriptor& ours)
    {
        ::fcntl(ours.number(), F_SETFL, ::fcntl(ours.number(), F_GETFL) | O_NONBLOCK);
    }

    std::vector<char*> pointers(const std::vector<std::string>& words)
    {
        std::vector<char*> list;
        for (const std::string& word : words)
            list.push_back(const_cast<char*>(word.c_str())); // execve(2) only reads them
        list.push_back(nullptr);
        return list;
    }

    /// What happens in the child before its program begins.
    class Preparations {
    public:
        Preparations()
        {
            ::posix_spawn_file_actions_init(&actions_);
            ::posix_spawnattr_init(&attributes_);
        }
        Preparations(const Preparations&) = delete;
        Preparations& operator=(const Preparations&) = delete;
        ~Preparations()
        {
            ::posix_spawnattr_destroy(&attributes_);
            ::posix_spawn_file_actions_destroy(&actions_);
        }

        /// No descriptor but these three, whatever libraries have open. Zero, or the error.
        int give(int input, int output, int errors, const std::string& folder)
        {
            int code = ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
            if (code == 0)
                code = ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
            if (code == 0)
                code = ::posix_spawn_file_actions_adddup2(&actions_, errors, STDERR_FILENO);
            if (code == 0)
                code = ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
            if (code == 0)
                code = ::posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str());
            return code;
        }

        /// A session and group that signals reach as a whole; no signal is blocked or ignored.
        int set_apart()
        {
            sigset_t none, all;
            sigemptyset(&none);
            // sigfillset(3) leaves out two that glibc uses itself, and these would be ignored.
            std::memset(&all, 0xff, sizeof all);
            int code = ::posix_spawnattr_setsigmask(&attributes_, &none);
            if (code == 0)
                code = ::posix_spawnattr_setsigdefault(&attributes_, &all);
            if (code == 0)
                code = ::posix_spawnattr_setflags(&attributes_,
                    POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
            return code;
        }

        const posix_spawn_file_actions_t* actions() const { return &actions_; }
        const posix_spawnattr_t* attributes() const { return &attributes_; }

    private:
        posix_spawn_file_actions_t actions_;
        posix_spawnattr_t attributes_;
    };

}

FileDescriptor::~FileDescriptor()
{
    if (number_ >= 0)
        ::close(number_);
}

Result<StartedProgram> start_program(const ProcessOptions& options)
{
    if (auto checked = check_program(options); !checked)
        return checked.error();
    auto input = make_pipe(), output = make_pipe(), errors = make_pipe();
    for (const auto* pipe : { &input, &output, &errors })
        if (!*pipe)
            return pipe->error();

    const std::string& path = options.command.front();
    Preparations preparations;
    int code = preparations.give(input->reading.number(), output->writing.number(),
        errors->writing.number(), options.folder);
    if (code == 0)
        code = preparations.set_apart();
    StartedProgram started;
    auto arguments = pointers(options.command);
    auto environment = pointers(options.environment);
    // It shares our memory until it has begun, so that nothing is copied. Only this thread waits.
    if (code == 0)
        code = ::posix_spawn(&started.id, path.c_str(), preparations.actions(),
            preparations.attributes(), arguments.data(), environment.data());
    if (code != 0)
        return failed("cannot start " + path, code);
    started.input = std::move(input->writing);
    started.output = std::move(output->reading);
    started.errors = std::move(errors->reading);
    for (const auto* ours : { &started.input, &started.output, &started.errors })
        keep_from_blocking(*ours);
    return Result<StartedProgram>(std::move(started));
}

}
