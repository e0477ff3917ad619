// The outermost frame of coroutines that somebody owns.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace nuncio::kernel {

/// Starts when told, and waits at its end to be destroyed by its owner, who may also destroy it
/// before. The body catches what it awaits may throw.
class RootFrame {
public:
    struct promise_type {
        RootFrame get_return_object()
        {
            return RootFrame(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() { }
        void unhandled_exception() noexcept { std::terminate(); }
    };

    RootFrame() = default;
    explicit RootFrame(std::coroutine_handle<promise_type> handle)
        : handle_(handle)
    {
    }
    RootFrame(RootFrame&& other) noexcept
        : handle_(std::exchange(other.handle_, nullptr))
    {
    }
    RootFrame& operator=(RootFrame&& other) noexcept
    {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~RootFrame()
    {
        if (handle_)
            handle_.destroy();
    }
    void start() { handle_.resume(); }

private:
    std::coroutine_handle<promise_type> handle_;
};

}
