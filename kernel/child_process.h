// A child process on one loop: pipes, signals, its end. Knows nothing of plugins.
#pragma once

#include "loop.h"

#include <nuncio/process.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace nuncio::kernel {

/// Who is told about a child. May forget it in any of these.
class ChildUser {
public:
    virtual void on_started() = 0;
    virtual void on_output(std::string_view bytes) = 0;
    virtual void on_errors(std::string_view bytes) = 0;
    virtual void on_ended(const ProcessEnd& end) = 0;

protected:
    ~ChildUser() = default;
};

class ChildProcess;
struct StartedProgram;

/// All children of a server, so that none outlives it.
class Children {
public:
    /// Each has a thread, so that their number is bounded.
    explicit Children(std::size_t most = 1024)
        : most_(most)
    {
    }

    /// Any thread. False when there are as many as there may be.
    bool add(std::shared_ptr<ChildProcess> child);
    void remove(const ChildProcess& child);
    /// When no loop runs any more: ends them all, by force after a moment. One that does not even
    /// come to start is left to its thread, which kills it should it ever.
    void end_all();

    /// For tests: what starts a program, instead of start_program().
    using Starter = std::function<Result<StartedProgram>(const ProcessOptions&)>;
    Starter starter {};

private:
    const std::size_t most_;
    std::mutex mutex_;
    std::vector<std::shared_ptr<ChildProcess>> children_; // shared: see ChildProcess
};

/// Lives from its start until it was reaped. A thread of its own starts the program and waits for
/// its end, because a file system that hangs holds whoever does the former. Shared by its handles
/// on the loop, which end later than whoever drops it, by that thread, and by Children. On its
/// loop's thread only.
class ChildProcess final : public std::enable_shared_from_this<ChildProcess> {
public:
    /// The user hears of the rest, at the latest `options.start_time` later.
    static Result<std::shared_ptr<ChildProcess>> start(
        KernelLoop& loop, Children& children, const ProcessOptions& options, ChildUser& user);
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    /// Nobody knows yet whether it runs.
    bool is_starting() const { return is_starting_; }

    bool write(std::string_view bytes);
    void end();
    void kill();
    int id() const { return id_; }
    /// Ends it, and tells its user nothing any more.
    void forget();

    /// Of Children, when the loop does not run any more: lets go of it; false while it still runs.
    bool end_at_last(bool by_force);

private:
    struct Pipe;
    struct Watch;
    ChildProcess(
        KernelLoop& loop, Children& children, const ProcessOptions& options, ChildUser& user);

    void on_started(Result<StartedProgram> started);
    void on_late(Duration time);
    void fail(Error error);
    Result<void> watch(Pipe*& pipe, int fd, int events);
    void close(Pipe*& pipe);
    void close_all();
    void on_ready(Pipe& pipe, int status);
    void read(Pipe& pipe);
    std::size_t read_once(Pipe& pipe);
    void tell(const Pipe& pipe, std::string_view bytes);
    bool flush();
    void slow_down(Pipe& pipe);
    void on_exit();
    void drain(Pipe*& pipe);
    void signal_group(int signal);

    KernelLoop& loop_;
    Children& children_;
    ChildUser* user_;
    const Duration grace_;
    const std::size_t input_limit_;
    const std::string path_;
    std::shared_ptr<Watch> watch_; // shared: with its thread
    std::thread thread_;
    bool is_starting_ = true;
    bool is_unwanted_ = false; // killed as soon as it runs
    int id_ = 0; // 0 once it was reaped
    Pipe* input_ = nullptr;
    Pipe* output_ = nullptr;
    Pipe* errors_ = nullptr;
    std::string waiting_; // to be written
    Timer start_timer_;
    Timer grace_timer_;
};

}
