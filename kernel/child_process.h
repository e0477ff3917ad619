// A child process on one loop: pipes, signals, its end. Knows nothing of plugins.
#pragma once

#include "loop.h"

#include <nuncio/process.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace nuncio::kernel {

/// Who is told about a child. May forget it in any of these.
class ChildUser {
public:
    virtual void on_output(std::string_view bytes) = 0;
    virtual void on_errors(std::string_view bytes) = 0;
    virtual void on_ended(const ProcessEnd& end) = 0;

protected:
    ~ChildUser() = default;
};

class ChildProcess;

/// All children of a server, so that none outlives it.
class Children {
public:
    void add(std::shared_ptr<ChildProcess> child);
    void remove(const ChildProcess& child);
    /// When no loop runs any more: ends them all, by force after a moment.
    void end_all();

private:
    std::mutex mutex_;
    std::vector<std::shared_ptr<ChildProcess>> children_; // shared: see ChildProcess
};

/// Lives from its start until it was reaped. Shared by its handles on the loop, which end later
/// than whoever drops it, and by Children. On its loop's thread only.
class ChildProcess final : public std::enable_shared_from_this<ChildProcess> {
public:
    static Result<std::shared_ptr<ChildProcess>> start(
        KernelLoop& loop, Children& children, const ProcessOptions& options, ChildUser& user);
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    bool write(std::string_view bytes);
    void end();
    void kill();
    int id() const { return id_; }
    /// Ends it, and tells its user nothing any more.
    void forget();

    /// Of Children, when the loop does not run any more: lets go of it; false while it still runs.
    bool end_at_last(bool by_force);

private:
    struct Reaper;
    struct Pipe;
    struct PipeEnds;
    ChildProcess(
        KernelLoop& loop, Children& children, const ProcessOptions& options, ChildUser& user);

    Result<void> spawn(const ProcessOptions& options);
    Result<void> spawn_with(const ProcessOptions& options, const PipeEnds& ends);
    Result<void> watch(Pipe*& pipe, int& fd, int events);
    void close(Pipe*& pipe);
    void close_all();
    void on_ready(Pipe& pipe, int status);
    void read(Pipe& pipe);
    std::size_t read_once(Pipe& pipe);
    void tell(const Pipe& pipe, std::string_view bytes);
    bool flush();
    void slow_down(Pipe& pipe);
    void on_exit(std::int64_t status, int signal);
    void drain(Pipe*& pipe);
    void signal_group(int signal);

    KernelLoop& loop_;
    Children& children_;
    ChildUser* user_;
    const Duration grace_;
    const std::size_t input_limit_;
    int id_ = 0; // 0 once it was reaped
    Reaper* reaper_ = nullptr;
    Pipe* input_ = nullptr;
    Pipe* output_ = nullptr;
    Pipe* errors_ = nullptr;
    std::string waiting_; // to be written
    Timer grace_timer_;
};

}
