// task<T>: a coroutine that waits without blocking its loop.
#pragma once

#include <nuncio/loop.h>

#include <atomic>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

namespace nuncio::inline v1 {

template <class T>
class task;

namespace detail {

    struct PromiseBase {
        std::coroutine_handle<> continuation;
        std::exception_ptr exception;

        std::suspend_always initial_suspend() noexcept { return {}; }
        struct Final {
            bool await_ready() noexcept { return false; }
            template <class P>
            std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) noexcept
            {
                const auto next = ended.promise().continuation;
                return next ? next : std::noop_coroutine();
            }
            void await_resume() noexcept { }
        };
        Final final_suspend() noexcept { return {}; }
        void unhandled_exception() { exception = std::current_exception(); }
    };

    template <class T>
    struct Promise : PromiseBase {
        std::optional<T> value;
        task<T> get_return_object();
        template <class U = T> // so that `co_return {};` works
        void return_value(U&& result)
        {
            value.emplace(std::forward<U>(result));
        }
        T take()
        {
            if (exception)
                std::rethrow_exception(exception);
            return std::move(*value);
        }
    };

    template <>
    struct Promise<void> : PromiseBase {
        task<void> get_return_object();
        void return_void() { }
        void take()
        {
            if (exception)
                std::rethrow_exception(exception);
        }
    };

}

/// A lazily started coroutine. It runs on the loop that awaits it, and comes back to that loop
/// after every wait. Destroying an unfinished task destroys its frame. Arguments taken by reference
/// must outlive it: prefer values.
///
/// A Session or Account may end while a task waits. Keep a SessionRef or AccountRef across
/// `co_await`, never a plain reference.
///
/// Name what you await: `const bool sees = co_await …; if (sees)`. g++ 12 loses the rest of a
/// coroutine behind `if (co_await …)`, which then never answers. A declaration in the condition
/// (`if (const auto found = co_await …; found)`) is fine.
template <class T = void>
class [[nodiscard]] task {
public:
    using promise_type = detail::Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    task() = default;
    /// Made by the compiler, from a coroutine.
    explicit task(Handle handle)
        : handle_(handle)
    {
    }
    task(task&& other) noexcept
        : handle_(std::exchange(other.handle_, nullptr))
    {
    }
    task& operator=(task&& other) noexcept
    {
        if (this != &other) {
            if (handle_)
                handle_.destroy();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    ~task()
    {
        if (handle_)
            handle_.destroy();
    }

    explicit operator bool() const { return bool(handle_); }

    bool await_ready() const { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting)
    {
        handle_.promise().continuation = waiting;
        return handle_;
    }
    T await_resume() { return handle_.promise().take(); }

private:
    Handle handle_;
};

namespace detail {

    template <class T>
    task<T> Promise<T>::get_return_object()
    {
        return task<T>(std::coroutine_handle<Promise>::from_promise(*this));
    }
    inline task<void> Promise<void>::get_return_object()
    {
        return task<void>(std::coroutine_handle<Promise>::from_promise(*this));
    }

    /// What a Completion's two ends share. Resumes the waiter on the loop it waited on; a waiter on
    /// a worker thread goes on where it was resolved.
    class NUNCIO_API CompletionBase : public std::enable_shared_from_this<CompletionBase> {
    public:
        bool is_resolved() const { return state_.load(std::memory_order_acquire) == resolved; }
        /// True when the caller shall stay suspended.
        bool suspend(std::coroutine_handle<> waiting);
        /// On the loop it waited on: the waiting frame is being destroyed, so never resume it.
        void abandon();

    protected:
        void resolved_now();

    private:
        static constexpr int empty = 0, waiting_now = 1, resolved = 2;
        std::atomic<int> state_ = empty;
        std::coroutine_handle<> waiting_;
        Loop* loop_ = nullptr;
        void* plugin_ = nullptr;
    };

}

/// A value that arrives later, from any thread, once. One coroutine may wait for it, and is resumed
/// on the loop it waited on. Copies share the same value.
template <class T>
class Completion {
    struct State : detail::CompletionBase {
        std::optional<T> value;
        void resolve(T result)
        {
            value.emplace(std::move(result));
            this->resolved_now();
        }
    };

public:
    Completion()
        : state_(std::make_shared<State>())
    {
    }
    /// Gives the value. Any thread; only once.
    void resolve(T value) const { state_->resolve(std::move(value)); }
    bool is_resolved() const { return state_->is_resolved(); }

    /// Lives in the waiting frame, so a task may be destroyed while it waits.
    class Awaiter {
    public:
        explicit Awaiter(std::shared_ptr<State> state)
            : state_(std::move(state))
        {
        }
        Awaiter(const Awaiter&) = delete;
        Awaiter& operator=(const Awaiter&) = delete;
        ~Awaiter()
        {
            if (suspended_)
                state_->abandon();
        }
        bool await_ready() const { return state_->is_resolved(); }
        bool await_suspend(std::coroutine_handle<> waiting)
        {
            // Set before: once suspended, another thread's resolve may already be on its way here.
            suspended_ = true;
            return state_->suspend(waiting);
        }
        T await_resume() { return std::move(*state_->value); }

    private:
        std::shared_ptr<State> state_;
        bool suspended_ = false;
    };
    Awaiter operator co_await() const { return Awaiter(state_); }

private:
    std::shared_ptr<State> state_; // shared: the giver and the waiter end in any order
};

namespace detail {

    /// Waits for an answer and for a timer; whichever comes first resumes. A named local of the
    /// frame that waits, so that the other one is called off before anything else happens.
    template <class T>
    class Race {
    public:
        Race(const Completion<T>& answer, Duration time)
            : answer_(answer.operator co_await())
            , time_(time)
        {
        }
        Race(const Race&) = delete;
        Race& operator=(const Race&) = delete;

        bool await_ready() const { return answer_.await_ready(); }
        bool await_suspend(std::coroutine_handle<> waiting)
        {
            timer_ = Loop::current()->after(time_, [this, waiting] {
                is_late_ = true;
                waiting.resume();
            });
            return answer_.await_suspend(waiting);
        }
        std::optional<T> await_resume()
        {
            if (is_late_)
                return std::nullopt;
            return answer_.await_resume();
        }

    private:
        typename Completion<T>::Awaiter answer_;
        const Duration time_;
        Timer timer_;
        bool is_late_ = false;
    };

}

/// Waits on the current loop's clock.
NUNCIO_API task<void> sleep_for(Duration delay);

/// What `answer` brings within `time` on the current loop's clock, or nothing; what it brings later
/// is dropped. For answers that may never come.
template <class T>
task<std::optional<T>> within(Completion<T> answer, Duration time)
{
    detail::Race<T> race(answer, time > Duration::zero() ? time : Duration::zero());
    std::optional<T> value = co_await race;
    co_return value;
}

}
