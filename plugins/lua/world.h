// What a script may ask of the server around it. The live one, and the one of a script's tests.
#pragma once

#include "shared.h"

#include <nuncio/log.h>
#include <nuncio/loop.h>
#include <nuncio/result.h>
#include <nuncio/stanza.h>
#include <nuncio/value.h>

#include <optional>
#include <string>
#include <string_view>

namespace nuncio::lua {

class Script;

/// Something that takes a while: what `await` waits for.
struct Request {
    enum class Kind { get, put, remove, list, sleep, call, command };
    Kind kind = Kind::get;
    std::string owner {}; ///< of the store, or the script that commands
    std::string key {}; ///< of the store, or the name of the function to call
    Value value {}; ///< to put, or the arguments of the call: of a command, its name and a table
    Duration delay {};
};

/// Implemented by the loop's set of scripts and by the test runner. Used on the thread that runs
/// the script.
class World {
public:
    virtual ~World() = default;
    virtual std::string_view host() const = 0;
    virtual TimePoint now() const = 0;
    virtual WallTime wall_time() const = 0;
    virtual Shared& shared() = 0;
    virtual void log(const Script& script, Log::Level level, std::string_view text) = 0;
    virtual std::string random_id() = 0;
    /// Calls the function with this reference after `delay`, and then every `period` unless zero.
    virtual void start_timer(Script& script, Duration delay, Duration period, int function) = 0;
    /// The answer to a request at once, where there is nothing to wait for.
    virtual std::optional<Result<Value>> answer(const Request& request) = 0;
    /// Is there a function of this name, offered by a plugin?
    virtual bool has_function(std::string_view name) = 0;
};

}
