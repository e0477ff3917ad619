#include "child_process.h"

#include "program_check.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <limits>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <uv.h>

namespace nuncio::kernel {

namespace {

    // Somebody who writes without end gets a part of the loop's time, not all of it.
    constexpr std::size_t most_in_slot = 512 * 1024;
    constexpr Duration slot = 100ms;
    // What an ended child left in a pipe is no more than the pipe holds; a grandchild may go on.
    constexpr std::size_t most_left_behind = 1 << 20;
    // What children have to end by themselves when the server does.
    constexpr auto last_patience = std::chrono::milliseconds(1000);
    constexpr auto last_step = std::chrono::milliseconds(5);

    Error failed(const std::string& what, int code)
    {
        return Error { what + ": " + uv_strerror(code), Error::Kind::unavailable };
    }

    /// Marks every descriptor as one that children do not get. Ours all are; those that libraries
    /// open are not always.
    void keep_descriptors_to_ourselves()
    {
#ifdef SYS_close_range
        constexpr unsigned close_on_exec = 4; // CLOSE_RANGE_CLOEXEC: Linux 5.11
        if (::syscall(SYS_close_range, 3U, std::numeric_limits<unsigned>::max(), close_on_exec)
            == 0)
            return;
#endif
        DIR* const folder = ::opendir("/proc/self/fd");
        if (!folder)
            return;
        while (const dirent* entry = ::readdir(folder))
            if (const int fd = std::atoi(entry->d_name); fd > STDERR_FILENO)
                ::fcntl(fd, F_SETFD, FD_CLOEXEC);
        ::closedir(folder);
    }

    std::vector<char*> pointers(const std::vector<std::string>& words)
    {
        std::vector<char*> list;
        for (const std::string& word : words)
            list.push_back(const_cast<char*>(word.c_str())); // execve(2) only reads them
        list.push_back(nullptr);
        return list;
    }

}

/// The process itself. Deleted by libuv's last word about it.
struct ChildProcess::Reaper {
    uv_process_t uv {};
    std::shared_ptr<ChildProcess> owner; // shared: until libuv has let go
};

struct ChildProcess::Pipe {
    uv_poll_t uv {};
    std::shared_ptr<ChildProcess> owner; // shared: until libuv has let go
    int fd = -1;
    int events = 0;
    std::size_t read_in_slot = 0;
    TimePoint slot_began {};
    Timer rest;

    static void on_ready(uv_poll_t* handle, int status, int)
    {
        auto& pipe = *static_cast<Pipe*>(handle->data);
        const auto owner = pipe.owner;
        owner->loop_.io_happened();
        owner->on_ready(pipe, status);
        owner->loop_.io_handled();
    }
};

/// Three pipes: a child's ends and ours.
struct ChildProcess::PipeEnds {
    int input[2] = { -1, -1 }; // read by the child, written by us
    int output[2] = { -1, -1 }; // read by us, written by the child
    int errors[2] = { -1, -1 };

    PipeEnds() = default;
    PipeEnds(const PipeEnds&) = delete;
    PipeEnds& operator=(const PipeEnds&) = delete;
    ~PipeEnds()
    {
        for (int* const ends : { input, output, errors })
            for (const int fd : { ends[0], ends[1] })
                if (fd >= 0)
                    ::close(fd);
    }
    /// Real pipes, not the socket pairs that libuv would make: a script may open /dev/stdin.
    int open()
    {
        if (const int code = uv_pipe(input, 0, UV_NONBLOCK_PIPE))
            return code;
        if (const int code = uv_pipe(output, UV_NONBLOCK_PIPE, 0))
            return code;
        return uv_pipe(errors, UV_NONBLOCK_PIPE, 0);
    }
};

ChildProcess::ChildProcess(
    KernelLoop& loop, Children& children, const ProcessOptions& options, ChildUser& user)
    : loop_(loop)
    , children_(children)
    , user_(&user)
    , grace_(options.grace)
    , input_limit_(options.input_limit)
{
}

ChildProcess::~ChildProcess() = default;

Result<std::shared_ptr<ChildProcess>> ChildProcess::start(
    KernelLoop& loop, Children& children, const ProcessOptions& options, ChildUser& user)
{
    if (!loop.uv())
        return Error { "there are no child processes where a test moves the clock",
            Error::Kind::refused };
    if (auto program = check_program(options); !program)
        return program.error();
    const std::shared_ptr<ChildProcess> child(new ChildProcess(loop, children, options, user));
    if (auto spawned = child->spawn(options); !spawned) {
        child->close_all();
        if (child->id() != 0) // it runs all the same, was killed, and is to be reaped
            children.add(child);
        return spawned.error();
    }
    children.add(child);
    return child;
}

Result<void> ChildProcess::spawn(const ProcessOptions& options)
{
    PipeEnds ends;
    if (const int code = ends.open())
        return failed("cannot make pipes", code);
    if (auto spawned = spawn_with(options, ends); !spawned)
        return spawned;
    // From here it runs, and is reaped whatever happens.
    for (const auto& [pipe, fd, events] : { std::tuple { &input_, &ends.input[1], 0 },
             { &output_, &ends.output[0], int(UV_READABLE) },
             { &errors_, &ends.errors[0], int(UV_READABLE) } })
        if (auto watched = watch(*pipe, *fd, events); !watched) {
            user_ = nullptr;
            kill();
            return watched;
        }
    return {};
}

Result<void> ChildProcess::spawn_with(const ProcessOptions& options, const PipeEnds& ends)
{
    auto arguments = pointers(options.command);
    auto environment = pointers(options.environment);
    uv_stdio_container_t stdio[3] {};
    const int theirs[] = { ends.input[0], ends.output[1], ends.errors[1] };
    for (int i = 0; i < 3; ++i) {
        stdio[i].flags = UV_INHERIT_FD;
        stdio[i].data.fd = theirs[i];
    }
    uv_process_options_t wanted {};
    wanted.file = arguments[0];
    wanted.args = arguments.data();
    wanted.env = environment.data();
    wanted.cwd = options.folder.c_str();
    wanted.flags = UV_PROCESS_DETACHED; // setsid(2): a group that signals reach as a whole
    wanted.stdio_count = 3;
    wanted.stdio = stdio;
    wanted.exit_cb = [](uv_process_t* handle, std::int64_t status, int signal) {
        const auto owner = static_cast<Reaper*>(handle->data)->owner;
        owner->loop_.io_happened();
        owner->on_exit(status, signal);
        owner->loop_.io_handled();
    };
    reaper_ = new Reaper;
    reaper_->uv.data = reaper_;
    reaper_->owner = shared_from_this();
    keep_descriptors_to_ourselves();
    if (const int code = uv_spawn(loop_.uv(), &reaper_->uv, &wanted))
        return failed("cannot start " + options.command.front(), code);
    id_ = reaper_->uv.pid;
    return {};
}

Result<void> ChildProcess::watch(Pipe*& pipe, int& fd, int events)
{
    auto made = std::make_unique<Pipe>();
    made->uv.data = made.get();
    made->owner = shared_from_this();
    if (const int code = uv_poll_init(loop_.uv(), &made->uv, fd))
        return failed("cannot watch a pipe", code);
    made->fd = std::exchange(fd, -1);
    pipe = made.release();
    pipe->events = events;
    if (events)
        uv_poll_start(&pipe->uv, events, Pipe::on_ready);
    return {};
}

void ChildProcess::close(Pipe*& pipe)
{
    Pipe* const gone = std::exchange(pipe, nullptr);
    if (!gone)
        return;
    gone->rest.cancel();
    uv_close(reinterpret_cast<uv_handle_t*>(&gone->uv),
        [](uv_handle_t* handle) { delete static_cast<Pipe*>(handle->data); });
    ::close(gone->fd);
}

void ChildProcess::close_all()
{
    close(input_);
    close(output_);
    close(errors_);
    grace_timer_.cancel();
    // While it runs it is still to be reaped.
    if (id_ == 0 && reaper_)
        uv_close(reinterpret_cast<uv_handle_t*>(&std::exchange(reaper_, nullptr)->uv),
            [](uv_handle_t* handle) { delete static_cast<Reaper*>(handle->data); });
}

// Reading

void ChildProcess::on_ready(Pipe& pipe, int status)
{
    if (&pipe == input_) {
        // An error is that it has closed its stdin.
        if (status < 0 || !flush())
            close(input_);
        return;
    }
    if (status < 0)
        return close(&pipe == output_ ? output_ : errors_);
    read(pipe);
}

void ChildProcess::read(Pipe& pipe)
{
    const auto now = loop_.now();
    if (now - pipe.slot_began >= slot) {
        pipe.slot_began = now;
        pipe.read_in_slot = 0;
    }
    const bool is_output = &pipe == output_;
    const auto count = read_once(pipe);
    Pipe*& still = is_output ? output_ : errors_;
    if (still != &pipe)
        return; // its user ended it
    pipe.read_in_slot += count;
    if (pipe.read_in_slot >= most_in_slot)
        slow_down(pipe);
}

/// How much there was; closes the pipe at its end.
std::size_t ChildProcess::read_once(Pipe& pipe)
{
    char* const buffer = loop_.read_buffer();
    const auto count = ::read(pipe.fd, buffer, KernelLoop::read_buffer_size);
    if (count > 0) {
        const auto size = static_cast<std::size_t>(count);
        tell(pipe, { buffer, size });
        return size;
    }
    if (count == 0 || (errno != EAGAIN && errno != EINTR))
        close(&pipe == output_ ? output_ : errors_);
    return 0;
}

void ChildProcess::tell(const Pipe& pipe, std::string_view bytes)
{
    if (!user_)
        return;
    if (&pipe == output_)
        user_->on_output(bytes);
    else
        user_->on_errors(bytes);
}

void ChildProcess::slow_down(Pipe& pipe)
{
    const AsKernel as_kernel;
    uv_poll_stop(&pipe.uv);
    pipe.rest
        = loop_.after(slot, [&pipe] { uv_poll_start(&pipe.uv, UV_READABLE, Pipe::on_ready); });
}

// Writing

bool ChildProcess::write(std::string_view bytes)
{
    if (!input_ || waiting_.size() + bytes.size() > input_limit_)
        return false;
    waiting_ += bytes;
    if (flush())
        return true;
    close(input_);
    return false;
}

/// False when the child has closed its stdin.
bool ChildProcess::flush()
{
    while (!waiting_.empty()) {
        const auto count = ::write(input_->fd, waiting_.data(), waiting_.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno != EAGAIN)
            return false;
        if (count < 0)
            break;
        waiting_.erase(0, static_cast<std::size_t>(count));
    }
    const int wanted = waiting_.empty() ? 0 : UV_WRITABLE;
    if (std::exchange(input_->events, wanted) != wanted) {
        if (wanted)
            uv_poll_start(&input_->uv, wanted, Pipe::on_ready);
        else
            uv_poll_stop(&input_->uv);
    }
    return true;
}

// The end

void ChildProcess::signal_group(int signal)
{
    if (id_ != 0)
        ::kill(-id_, signal);
}

void ChildProcess::end()
{
    close(input_);
    signal_group(SIGTERM);
    const AsKernel as_kernel;
    grace_timer_ = loop_.after(grace_, [this] { kill(); });
}

void ChildProcess::kill()
{
    signal_group(SIGKILL);
}

void ChildProcess::forget()
{
    user_ = nullptr;
    end();
}

void ChildProcess::on_exit(std::int64_t status, int signal)
{
    const auto kept = shared_from_this();
    // Its own children end with it. No other group has this number: the last of them would have to
    // have ended, and the number to have been given out anew, within this turn.
    signal_group(SIGKILL);
    id_ = 0;
    drain(output_);
    drain(errors_);
    close_all();
    children_.remove(*this);
    if (ChildUser* const user = std::exchange(user_, nullptr))
        user->on_ended({ .failure = {}, .status = static_cast<int>(status), .signal = signal });
}

/// Tells what is in the pipe still.
void ChildProcess::drain(Pipe*& pipe)
{
    for (std::size_t left = most_left_behind; pipe && user_;) {
        const auto count = read_once(*pipe);
        if (count == 0 || count >= left)
            return;
        left -= count;
    }
}

bool ChildProcess::end_at_last(bool by_force)
{
    user_ = nullptr;
    close(input_);
    if (id_ != 0) {
        signal_group(by_force ? SIGKILL : SIGTERM);
        // By its number, as libuv does: after SIGKILL it is about to end, and init reaps it.
        if (!by_force && ::waitpid(id_, nullptr, WNOHANG) == 0)
            return false;
        id_ = 0;
    }
    close_all();
    return true;
}

void Children::add(std::shared_ptr<ChildProcess> child)
{
    const std::lock_guard lock(mutex_);
    children_.push_back(std::move(child));
}

void Children::remove(const ChildProcess& child)
{
    const std::lock_guard lock(mutex_);
    std::erase_if(children_, [&](const auto& other) { return other.get() == &child; });
}

void Children::end_all()
{
    const std::lock_guard lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + last_patience;
    const auto end = [&](bool by_force) {
        std::erase_if(children_, [&](const auto& child) { return child->end_at_last(by_force); });
    };
    for (end(false); !children_.empty() && std::chrono::steady_clock::now() < deadline; end(false))
        std::this_thread::sleep_for(last_step);
    end(true);
}

}
