// A coroutine that nobody waits for: it runs at once and frees itself at its end.
#pragma once

#include <coroutine>
#include <exception>

namespace nuncio::kernel {

/// The body catches what it awaits may throw.
struct Detached {
    struct promise_type {
        Detached get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept { }
        void unhandled_exception() noexcept { std::terminate(); }
    };
};

}
