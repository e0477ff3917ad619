// Function<R(Args…)>: a callable that is moved, not copied. (std::move_only_function is C++23.)
#pragma once

#include <nuncio/abi.h>

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace nuncio::inline v1 {

template <class Signature>
class Function;

/// Holds any callable, also one that owns a Stanza or a unique_ptr. Up to 48 bytes are kept inside
/// without an allocation. Calling an empty Function is undefined; test it first.
template <class R, class... Args>
class Function<R(Args...)> {
public:
    Function() = default;
    Function(std::nullptr_t) { }

    /// Takes any callable; it is moved in.
    template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>,
                 Function> && std::is_invocable_r_v<R, std::remove_cvref_t<F>&, Args...>)
        Function(F&& callable)
    {
        using Stored = std::remove_cvref_t<F>;
        if constexpr (fits<Stored>) {
            ::new (static_cast<void*>(inside_)) Stored(std::forward<F>(callable));
            table_ = &inside_table<Stored>;
        } else {
            ::new (static_cast<void*>(inside_)) Stored*(new Stored(std::forward<F>(callable)));
            table_ = &outside_table<Stored>;
        }
    }

    Function(Function&& other) noexcept
        : table_(std::exchange(other.table_, nullptr))
    {
        if (table_)
            table_->move(other.inside_, inside_);
    }
    Function& operator=(Function&& other) noexcept
    {
        if (this != &other) {
            reset();
            table_ = std::exchange(other.table_, nullptr);
            if (table_)
                table_->move(other.inside_, inside_);
        }
        return *this;
    }
    ~Function() { reset(); }

    explicit operator bool() const { return table_ != nullptr; }
    R operator()(Args... args) const { return table_->call(inside_, std::forward<Args>(args)...); }

private:
    static constexpr std::size_t room = 48;
    struct Table {
        R (*call)(void*, Args&&...);
        void (*move)(void*, void*);
        void (*destroy)(void*);
    };
    template <class F>
    static constexpr bool fits = sizeof(F) <= room && alignof(F) <= alignof(std::max_align_t)
        && std::is_nothrow_move_constructible_v<F>;

    template <class F>
    static constexpr Table inside_table {
        [](void* at, Args&&... args) -> R {
            return static_cast<R>((*static_cast<F*>(at))(std::forward<Args>(args)...));
        },
        [](void* from, void* to) {
            ::new (to) F(std::move(*static_cast<F*>(from)));
            static_cast<F*>(from)->~F();
        },
        [](void* at) { static_cast<F*>(at)->~F(); },
    };
    template <class F>
    static constexpr Table outside_table {
        [](void* at, Args&&... args) -> R {
            return static_cast<R>((**static_cast<F**>(at))(std::forward<Args>(args)...));
        },
        [](void* from, void* to) { ::new (to) F*(*static_cast<F**>(from)); },
        [](void* at) { delete *static_cast<F**>(at); },
    };

    void reset()
    {
        if (table_)
            std::exchange(table_, nullptr)->destroy(inside_);
    }

    alignas(std::max_align_t) mutable std::byte inside_[room];
    const Table* table_ = nullptr;
};

}
