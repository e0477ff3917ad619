// Result<T>: a value, or an Error that says what went wrong and what was expected.
#pragma once

#include <nuncio/abi.h>

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace nuncio::inline v1 {

/// What the peer, the disk or the administrator can cause. The text is lower case, names the thing
/// (file, key, address) and says what was expected. It never holds a secret.
struct Error {
    enum class Kind {
        invalid, ///< the input is wrong and will stay wrong
        not_found, ///< the thing asked for does not exist
        conflict, ///< it exists already, or somebody else owns it
        refused, ///< permission or policy
        unavailable, ///< a database, directory or peer does not answer now; may be tried again
        limit, ///< a bound was reached
        internal, ///< our own fault
        disabled, ///< the right account, but it was switched off
        expired, ///< the right password, but it has to be changed first
    };
    std::string text;
    Kind kind = Kind::invalid;
};

/// A value or an Error. Test it with `if (!result)` in the next line, then use `*result`.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value)
        : state_(std::in_place_index<0>, std::move(value))
    {
    }
    Result(Error error)
        : state_(std::in_place_index<1>, std::move(error))
    {
    }

    explicit operator bool() const { return state_.index() == 0; }
    /// Whether there is a value.
    bool ok() const { return state_.index() == 0; }

    T& operator*() & { return *std::get_if<0>(&state_); }
    const T& operator*() const& { return *std::get_if<0>(&state_); }
    T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
    T* operator->() { return std::get_if<0>(&state_); }
    const T* operator->() const { return std::get_if<0>(&state_); }

    /// What went wrong; only when there is no value. Lives as long as the result.
    const Error& error() const
    {
        assert(!ok());
        return *std::get_if<1>(&state_);
    }

private:
    std::variant<T, Error> state_;
};

/// Success without a value, or an Error. `return {};` is success.
template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error)
        : error_(std::move(error))
        , ok_(false)
    {
    }

    explicit operator bool() const { return ok_; }
    /// Whether it went well.
    bool ok() const { return ok_; }

    /// What went wrong; only when something did. Lives as long as the result.
    const Error& error() const
    {
        assert(!ok_);
        return error_;
    }

private:
    Error error_;
    bool ok_ = true;
};

}
