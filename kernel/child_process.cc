#include "child_process.h"

#include "program_start.h"
#include "signals_blocked.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <pthread.h>
#include <sys/wait.h>
#include <system_error>
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

    /// Leaves the child to be reaped, so that its number is not given to another one meanwhile.
    void wait_for_end(int id)
    {
        siginfo_t info {};
        while (::waitid(P_PID, static_cast<id_t>(id), &info, WEXITED | WNOWAIT) != 0
            && errno == EINTR) { }
    }

}

/// What a child shares with the thread that starts it and waits for its end.
struct ChildProcess::Watch {
    Watch(KernelLoop& of, std::shared_ptr<ChildProcess> about)
        : loop(of)
        , child(std::move(about))
    {
    }

    /// Any thread. Nothing is told from here on; answers the process if it was started.
    int forget()
    {
        const std::lock_guard lock(mutex);
        child = nullptr;
        return id;
    }

    /// Its thread, from beginning to end.
    void run(const ProcessOptions& options, const Children::Starter& starter)
    {
        auto started = starter ? starter(options) : start_program(options);
        const int started_id = started ? started->id : 0;
        const bool is_told
            = tell(started_id, [started = std::move(started)](ChildProcess& about) mutable {
                  about.on_started(std::move(started));
              });
        if (started_id == 0)
            return;
        if (!is_told) {
            // The server has ended meanwhile.
            ::kill(-started_id, SIGKILL);
            ::waitpid(started_id, nullptr, 0);
            return;
        }
        wait_for_end(started_id);
        tell(started_id, [](ChildProcess& about) { about.on_exit(); });
    }

private:
    /// Runs `job(child)` on the loop; false when nobody is to be told.
    template <class Job>
    bool tell(int started_id, Job job)
    {
        const std::lock_guard lock(mutex);
        if (!child)
            return false;
        id = started_id;
        loop.post([about = child, job = std::move(job)]() mutable { job(*about); });
        return true;
    }

    std::mutex mutex;
    KernelLoop& loop;
    std::shared_ptr<ChildProcess> child; // guarded; shared: null once nobody is to be told
    int id = 0; // guarded
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

ChildProcess::ChildProcess(
    KernelLoop& loop, Children& children, const ProcessOptions& options, ChildUser& user)
    : loop_(loop)
    , children_(children)
    , user_(&user)
    , grace_(options.grace)
    , input_limit_(options.input_limit)
    , path_(options.command.empty() ? std::string() : options.command.front())
{
}

ChildProcess::~ChildProcess()
{
    // Its thread may hang in a file system for good.
    if (thread_.joinable())
        thread_.detach();
}

Result<std::shared_ptr<ChildProcess>> ChildProcess::start(
    KernelLoop& loop, Children& children, const ProcessOptions& options, ChildUser& user)
{
    if (!loop.uv())
        return Error { "there are no child processes where a test moves the clock",
            Error::Kind::refused };
    const std::shared_ptr<ChildProcess> child(new ChildProcess(loop, children, options, user));
    if (!children.add(child))
        return Error { "cannot start " + child->path_
                + ": the server has as many child processes as it may have",
            Error::Kind::limit };
    child->watch_ = std::make_shared<Watch>(loop, child);
    const AsKernel as_kernel;
    child->start_timer_ = loop.after(
        options.start_time, [&child = *child, time = options.start_time] { child.on_late(time); });
    const SignalsBlocked blocked;
    try {
        child->thread_ = std::thread([watch = child->watch_, options, starter = children.starter] {
            watch->run(options, starter);
        });
    } catch (const std::system_error& failure) {
        child->watch_->forget();
        child->close_all();
        children.remove(*child);
        return Error { "cannot start " + child->path_ + ": no thread for it: " + failure.what(),
            Error::Kind::unavailable };
    }
    ::pthread_setname_np(child->thread_.native_handle(), "child");
    return child;
}

void ChildProcess::on_started(Result<StartedProgram> started)
{
    const auto kept = shared_from_this();
    is_starting_ = false;
    start_timer_.cancel();
    if (!started)
        return fail(started.error());
    // From here it runs, and is reaped whatever happens.
    id_ = started->id;
    if (is_unwanted_)
        return kill();
    Result<void> watched;
    for (const auto& [pipe, ours, events] : { std::tuple { &input_, &started->input, 0 },
             { &output_, &started->output, int(UV_READABLE) },
             { &errors_, &started->errors, int(UV_READABLE) } })
        if (watched)
            watched = watch(*pipe, ours->release(), events);
    if (!watched) {
        if (ChildUser* const user = std::exchange(user_, nullptr))
            user->on_ended({ .failure = watched.error() });
        return kill();
    }
    if (user_)
        user_->on_started();
}

/// It may start all the same, some day: nobody waits for it.
void ChildProcess::on_late(Duration time)
{
    is_unwanted_ = true;
    const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
    if (ChildUser* const user = std::exchange(user_, nullptr))
        user->on_ended(
            { .failure = Error { path_ + ": has not come to start within " + std::to_string(count)
                      + " ms: does the file system that it lies on answer?",
                  Error::Kind::unavailable } });
}

void ChildProcess::fail(Error error)
{
    watch_->forget();
    thread_.join(); // it has nothing to do any more
    children_.remove(*this);
    if (ChildUser* const user = std::exchange(user_, nullptr))
        user->on_ended({ .failure = std::move(error) });
}

Result<void> ChildProcess::watch(Pipe*& pipe, int fd, int events)
{
    auto made = std::make_unique<Pipe>();
    made->uv.data = made.get();
    made->owner = shared_from_this();
    if (const int code = uv_poll_init(loop_.uv(), &made->uv, fd)) {
        ::close(fd);
        return Error { "cannot watch a pipe of " + path_ + ": " + uv_strerror(code),
            Error::Kind::unavailable };
    }
    made->fd = fd;
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
    start_timer_.cancel();
    grace_timer_.cancel();
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
    if (is_starting_) {
        is_unwanted_ = true;
        return;
    }
    close(input_);
    signal_group(SIGTERM);
    const AsKernel as_kernel;
    grace_timer_ = loop_.after(grace_, [this] { kill(); });
}

void ChildProcess::kill()
{
    is_unwanted_ = true;
    signal_group(SIGKILL);
}

void ChildProcess::forget()
{
    user_ = nullptr;
    end();
}

void ChildProcess::on_exit()
{
    const auto kept = shared_from_this();
    // Its own children end with it. Before it is reaped: no other group has its number until then.
    signal_group(SIGKILL);
    int status = 0;
    ::waitpid(id_, &status, 0); // its thread has seen it end
    id_ = 0;
    watch_->forget();
    thread_.join();
    drain(output_);
    drain(errors_);
    close_all();
    children_.remove(*this);
    if (ChildUser* const user = std::exchange(user_, nullptr))
        user->on_ended({ .failure = {},
            .status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
            .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0 });
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
    const int started_id = watch_->forget(); // from here its thread sends no letters
    if (std::exchange(is_starting_, false))
        id_ = started_id;
    close(input_);
    if (id_ != 0) {
        signal_group(by_force ? SIGKILL : SIGTERM);
        // After SIGKILL it is about to end, and init reaps it.
        if (!by_force && ::waitpid(id_, nullptr, WNOHANG) == 0)
            return false;
        id_ = 0;
    }
    close_all();
    return true;
}

bool Children::add(std::shared_ptr<ChildProcess> child)
{
    const std::lock_guard lock(mutex_);
    if (children_.size() >= most_)
        return false;
    children_.push_back(std::move(child));
    return true;
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
