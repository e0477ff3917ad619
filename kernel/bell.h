// How a thread that runs several loops by hand hears that another has sent mail.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace nuncio::kernel {

/// Any thread rings; one waits. A ring that nobody waited for is kept.
class Bell {
public:
    void ring()
    {
        {
            const std::lock_guard lock(mutex_);
            is_rung_ = true;
        }
        rung_.notify_one();
    }
    /// False: it was not rung within `most`.
    bool wait(std::chrono::nanoseconds most)
    {
        std::unique_lock lock(mutex_);
        rung_.wait_for(lock, most, [this] { return is_rung_; });
        return std::exchange(is_rung_, false);
    }

private:
    std::mutex mutex_;
    std::condition_variable rung_;
    bool is_rung_ = false; // guarded
};

}
