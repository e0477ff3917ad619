// Child processes: programs that a plugin starts, and talks to through pipes.
#pragma once

#include <nuncio/function.h>
#include <nuncio/loop.h>
#include <nuncio/result.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

/// What to start. The child has three pipes and no other descriptor of the server's, and is the
/// leader of a session and process group of its own.
struct ProcessOptions {
    /// The program's full path, then its arguments. No shell looks at them.
    std::vector<std::string> command;
    /// All that the child has in its environment, as `NAME=value`; see inherited_environment().
    std::vector<std::string> environment {};
    std::string folder = "/"; ///< its working folder
    Duration grace = 2s; ///< what Process::end() leaves it between SIGTERM and SIGKILL
    std::size_t input_limit = 1 << 20; ///< bytes that may wait until it reads them
    /// What starting it may take. That happens on a thread of its own: the file system that the
    /// program lies on may hang. A program that starts later all the same is killed.
    Duration start_time = 10s;
};

/// `PATH`, `LANG`, `LC_*`, `TZ` and `HOME` of the server, as far as they are set, and a `PATH` in
/// any case; `more` comes after and counts more.
NUNCIO_API std::vector<std::string> inherited_environment(const std::vector<std::string>& more);

/// How a child came to its end.
struct ProcessEnd {
    /// It could not be started: names the file, what is wrong with it, and what to do.
    std::optional<Error> failure {};
    int status = 0; ///< what it exited with …
    int signal = 0; ///< … or the signal that ended it

    /// "exited with status 1", "was ended by signal 9 (Killed)", or the failure's text.
    NUNCIO_API std::string text() const;
};

/// What is told of a process, on its loop, as code of the plugin. Empty ones are left out. Each of
/// them may start, end or drop the process. Views live until the handler returns.
struct ProcessEvents {
    Function<void()> started {}; ///< the program runs
    Function<void(std::string_view)> output {}; ///< it wrote to its stdout: at most 64 KiB a piece
    Function<void(std::string_view)> errors {}; ///< it wrote to its stderr
    /// It has ended and so has its process group; all that it wrote was told before. Or it could
    /// not be started.
    Function<void(const ProcessEnd&)> ended {};
};

/// A place for a child process, which may be started again when it has ended. Made by
/// Context::process for one loop; everything here is called on that loop. It is dropped there, or
/// with the plugin object, at any time: the child is ended and reaped, and nothing is told any
/// more.
///
/// Whoever writes without measure is read slowly (a few MiB a second), so that it waits and not the
/// loop. A child whose server was killed sees the end of its input, and should end then.
class NUNCIO_API Process {
public:
    virtual ~Process();

    /// Starts the program, now or after `delay`; `started` tells when it runs, `ended` when that
    /// failed. Nothing happens while it runs or is being started. Not inside of Plugin::start:
    /// Context::spawn a task that does it.
    virtual void start(Duration delay = {}) = 0;
    /// Writes to its stdin: what it does not take at once waits. False when it does not run, has
    /// closed its stdin, or too much would be waiting; nothing was written then.
    virtual bool write(std::string_view bytes) = 0;
    /// Closes its stdin and sends SIGTERM to its process group, and SIGKILL after the grace. A
    /// start that is delayed is called off.
    virtual void end() = 0;
    /// SIGKILL to its process group.
    virtual void kill() = 0;
    /// Its process id; 0 while it does not run.
    virtual std::int64_t id() const = 0;
};

}
