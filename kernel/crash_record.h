// Who is to blame: what a dying server leaves for the next one.
#pragma once

#include <nuncio/result.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::kernel {

/// From now on a fatal signal writes `FOLDER/crash-TIME` (the signal, the plugin whose handler
/// ran, its host, the plugins' code that was mapped, what stanza was handled, the stack) before the
/// process ends by that signal as it would have. Once per process.
Result<void> record_crashes(const std::string& folder);

/// A stack of its own for the handler of fatal signals, on the calling thread, while it lives: the
/// ordinary one may be what overflowed.
class SignalStack {
public:
    SignalStack();
    ~SignalStack();
    SignalStack(const SignalStack&) = delete;
    SignalStack& operator=(const SignalStack&) = delete;

private:
    std::unique_ptr<char[]> memory_;
};

struct CrashRecord {
    std::string path;
    std::chrono::system_clock::time_point time;
    std::string signal; ///< "SIGSEGV"
    std::string plugin, host, handler; ///< empty: the kernel
    std::string stanza; ///< outline of what was handled; empty: no stanza, or nobody knows
};

/// Those in a folder that have not been judged yet, oldest first.
std::vector<CrashRecord> crash_records(const std::string& folder);
/// Keeps its file, under another name, but does not find it again.
void mark_judged(CrashRecord& record);

}
