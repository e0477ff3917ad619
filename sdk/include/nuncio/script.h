// Functions that plugins offer to the administrator's scripts.
#pragma once

#include <nuncio/context.h>
#include <nuncio/jid.h>
#include <nuncio/value.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace nuncio::inline v1 {

/// One function as `nuncioctl lua api` lists it.
struct ScriptFunction {
    std::string name; ///< "presence.is_online"
    std::string signature; ///< "(jid) → boolean"
    std::string doc; ///< one sentence
};

/// Which functions are there? Handlers add theirs. Any loop.
struct ScriptFunctions {
    static constexpr std::string_view hook = "script.functions";
    std::string_view wanted; ///< only the one of this name; empty: all
    std::vector<ScriptFunction>& functions;
};

/// A script calls a function. Its owner answers `done` and resolves `answer`, now or later. Any
/// loop.
struct ScriptCall {
    static constexpr std::string_view hook = "script.call";
    std::string_view name;
    const Value::Array& arguments;
    Completion<Result<Value>> answer;
};

namespace detail {

    /// Between a type and what scripts have for it: boolean, integer, number, string, list of
    /// strings, and nil for an empty optional.
    NUNCIO_API Result<void> read_argument(const Value& value, bool& to);
    NUNCIO_API Result<void> read_argument(const Value& value, std::int64_t& to);
    NUNCIO_API Result<void> read_argument(const Value& value, double& to);
    NUNCIO_API Result<void> read_argument(const Value& value, std::string& to);
    NUNCIO_API Result<void> read_argument(const Value& value, std::vector<std::string>& to);
    NUNCIO_API Result<void> read_argument(const Value& value, Jid& to);
    template <class T>
    requires(std::is_integral_v<T>) Result<void> read_argument(const Value& value, T& to)
    {
        std::int64_t wide = 0;
        if (auto read = read_argument(value, wide); !read)
            return read;
        if (!std::in_range<T>(wide))
            return Error { "the number is out of range" };
        to = static_cast<T>(wide);
        return {};
    }
    template <class T>
    Result<void> read_argument(const Value& value, std::optional<T>& to)
    {
        if (value.is_null())
            return {};
        return read_argument(value, to.emplace());
    }

    template <class T>
    Value write_result(const T& value)
    {
        if constexpr (std::is_same_v<T, bool>)
            return Value(value);
        else if constexpr (std::is_integral_v<T>)
            return Value(static_cast<std::int64_t>(value));
        else if constexpr (std::is_floating_point_v<T>)
            return Value(static_cast<double>(value));
        else if constexpr (std::is_same_v<T, Jid>)
            return Value(value.text());
        else if constexpr (std::is_same_v<T, std::vector<std::string>>)
            return Value(Value::Array(value.begin(), value.end()));
        else if constexpr (requires { value.has_value(); })
            return value ? write_result(*value) : Value();
        else
            return Value(std::string(value));
    }

    template <class T>
    constexpr std::string_view script_type()
    {
        if constexpr (std::is_same_v<T, bool>)
            return "boolean";
        else if constexpr (std::is_integral_v<T>)
            return "integer";
        else if constexpr (std::is_floating_point_v<T>)
            return "number";
        else if constexpr (std::is_same_v<T, Jid>)
            return "jid";
        else if constexpr (std::is_same_v<T, std::vector<std::string>>)
            return "list";
        else if constexpr (std::is_void_v<T>)
            return "nothing";
        else
            return "string";
    }

    /// What a function really answers: inside of task<>, Result<> and optional<>.
    template <class T>
    struct Answered {
        using type = T;
        static constexpr bool is_optional = false;
    };
    template <class T>
    struct Answered<task<T>> : Answered<T> {
    };
    template <class T>
    struct Answered<Result<T>> : Answered<T> {
    };
    template <class T>
    struct Answered<std::optional<T>> {
        using type = T;
        static constexpr bool is_optional = true;
    };

    template <class T>
    std::string script_type_text()
    {
        std::string text(script_type<typename Answered<T>::type>());
        return Answered<T>::is_optional ? text + '?' : text;
    }

    /// The parameters of a function, function pointer or lambda, without references.
    template <class F>
    struct Callable : Callable<decltype(&F::operator())> {
    };
    template <class R, class... Args>
    struct Callable<R (*)(Args...)> {
        using Answer = R;
        using Arguments = std::tuple<std::remove_cvref_t<Args>...>;
    };
    template <class C, class R, class... Args>
    struct Callable<R (C::*)(Args...) const> : Callable<R (*)(Args...)> {
    };
    template <class C, class R, class... Args>
    struct Callable<R (C::*)(Args...)> : Callable<R (*)(Args...)> {
    };

    template <class Arguments, std::size_t... I>
    std::string signature_of(std::index_sequence<I...>, std::string_view answer)
    {
        std::string text = "(";
        ((text += (I ? ", " : "") + script_type_text<std::tuple_element_t<I, Arguments>>()), ...);
        return text + ") → " + std::string(answer);
    }

    template <class Arguments, std::size_t... I>
    Result<void> read_arguments(
        const Value::Array& given, Arguments& arguments, std::index_sequence<I...>)
    {
        Result<void> outcome;
        const Value nothing;
        const auto read = [&](std::size_t i, auto& argument) {
            if (!outcome)
                return;
            if (auto one = read_argument(i < given.size() ? given[i] : nothing, argument); !one)
                outcome = Error { "argument " + std::to_string(i + 1) + ": " + one.error().text };
        };
        (read(I, std::get<I>(arguments)), ...);
        if (outcome && given.size() > sizeof...(I))
            return Error { "more than " + std::to_string(sizeof...(I)) + " arguments" };
        return outcome;
    }

    template <class T>
    Result<Value> write_answer(const T& answer)
    {
        return write_result(answer);
    }
    template <class T>
    Result<Value> write_answer(const Result<T>& answer)
    {
        if (!answer)
            return answer.error();
        if constexpr (std::is_void_v<T>)
            return Value(true);
        else
            return write_result(*answer);
    }

    template <class T>
    task<void> answer_later(task<T> job, Completion<Result<Value>> answer)
    {
        Result<Value> outcome = Error { "the function failed", Error::Kind::internal };
        try {
            if constexpr (std::is_void_v<T>) {
                co_await job;
                outcome = Value(true);
            } else {
                const T value = co_await job;
                outcome = write_answer(value);
            }
        } catch (const std::exception& thrown) {
            outcome = Error { thrown.what(), Error::Kind::internal };
        }
        answer.resolve(std::move(outcome));
    }

}

/// Offers `function` to scripts under `name`, "PLUGIN.VERB": they call it as
/// `await(plugins.PLUGIN.VERB(…))`. Only inside Plugin::start. Parameters and result may be bool,
/// integers, double, std::string, Jid, std::vector<std::string> and std::optional of these; the
/// result also Result<> and task<>. It is called on any loop: what lives elsewhere it fetches
/// itself (Host::at_home) and answers with a task. `doc` is one sentence.
///
///     offer_to_scripts(context, "presence.is_online", "Is any resource of the account available?",
///         [this](Jid jid) { return is_online(std::move(jid)); });
template <class F>
void offer_to_scripts(Context& context, std::string name, std::string doc, F function)
{
    using Answer = typename detail::Callable<F>::Answer;
    using Arguments = typename detail::Callable<F>::Arguments;
    using Indices = std::make_index_sequence<std::tuple_size_v<Arguments>>;
    ScriptFunction described { name,
        detail::signature_of<Arguments>(Indices(), detail::script_type_text<Answer>()),
        std::move(doc) };
    context.on<ScriptFunctions>([described](ScriptFunctions& event) {
        if (event.wanted.empty() || event.wanted == described.name)
            event.functions.push_back(described);
        return Flow::next;
    });
    context.on<ScriptCall>([&context, name = std::move(name), function = std::move(function)](
                               ScriptCall& call) mutable {
        if (call.name != name)
            return Flow::next;
        Arguments arguments;
        if (auto read = detail::read_arguments(call.arguments, arguments, Indices()); !read) {
            call.answer.resolve(Error { name + ": " + read.error().text });
            return Flow::done;
        }
        if constexpr (requires(Answer answer) { answer.await_ready(); }) {
            context.spawn(
                detail::answer_later(std::apply(function, std::move(arguments)), call.answer));
        } else if constexpr (std::is_void_v<Answer>) {
            std::apply(function, std::move(arguments));
            call.answer.resolve(Value(true));
        } else {
            const Answer answer = std::apply(function, std::move(arguments));
            call.answer.resolve(detail::write_answer(answer));
        }
        return Flow::done;
    });
}

}
