// Where another thread is right now, and what it is busy with.
#pragma once

#include <cstdint>
#include <pthread.h>
#include <string>
#include <vector>

namespace nuncio::kernel {

class HandlerMeter;

struct ThreadAnswer {
    const HandlerMeter* meter = nullptr; ///< of the handler it was in, as ThreadActivity has it
    std::uint64_t since = 0;
    std::string stanza; ///< outline of what it handles; empty: not a stanza, or nobody knows
    std::vector<std::string> stack; ///< a line for each frame
};
enum class Asked { stanza, stanza_and_stack };

/// Lets `thread` write down what it does, by a signal; nothing when it does not answer within a
/// moment. A call that sleeps may end early by the signal. One caller at a time; the thread must
/// not end meanwhile.
ThreadAnswer ask(pthread_t thread, Asked what);

/// The signal it uses; threads that are asked must not block it.
int stack_signal();

}
