#include "hold_queue.h"

#include <exception>
#include <utility>

namespace nuncio::kernel {

void HoldQueue::add(std::string_view about, Function<void()> job)
{
    if (jobs_.empty())
        since_ = std::chrono::steady_clock::now();
    if (!about_.contains(about))
        about_.emplace(about);
    jobs_.push_back(std::move(job));
}

std::chrono::nanoseconds HoldQueue::release()
{
    if (jobs_.empty())
        return {};
    about_.clear();
    // A job may route, and what it routes is handled at once: it comes after those before it.
    std::exception_ptr thrown;
    for (const auto& job : std::exchange(jobs_, {})) {
        try {
            job();
        } catch (...) {
            thrown = std::current_exception(); // for the loop to tell; the others have their turn
        }
    }
    if (thrown)
        std::rethrow_exception(thrown);
    return std::chrono::steady_clock::now() - since_;
}

}
