// Where another thread is right now.
#pragma once

#include <pthread.h>
#include <string>
#include <vector>

namespace nuncio::kernel {

/// Lets `thread` write down its stack, by a signal, and answers it, a line for each frame; empty
/// when the thread does not answer within a moment. A call that sleeps may end early by the signal.
/// One caller at a time; the thread must not end meanwhile.
std::vector<std::string> stack_of(pthread_t thread);

/// The signal it uses; threads that are asked must not block it.
int stack_signal();

}
