// Where a script's own tests run: no server, time that only the test moves.
#pragma once

#include "script.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace nuncio::lua {

class TestWorld : public World {
public:
    explicit TestWorld(std::string host)
        : host_(std::move(host))
        , shared_({})
    {
    }

    /// Lets time pass and calls the timers' functions that become due. What fails is the answer.
    Result<void> advance(Script& script, Duration by);
    std::vector<std::string>& lines() { return lines_; }

    // World
    std::string_view host() const override { return host_; }
    TimePoint now() const override { return now_; }
    WallTime wall_time() const override;
    Shared& shared() override { return shared_; }
    void log(const Script& script, Log::Level level, std::string_view text) override;
    std::string random_id() override { return "id" + std::to_string(++ids_); }
    void start_timer(Script& script, Duration delay, Duration period, int function) override;
    std::optional<Result<Value>> answer(const Request& request) override;
    bool has_function(std::string_view) override { return true; }

private:
    std::string host_;
    TimePoint now_ { std::chrono::hours(1) };
    Shared shared_;
    std::map<std::string, std::map<std::string, Value>> store_; ///< by owner, then key
    std::multimap<TimePoint, std::pair<Duration, int>> timers_;
    std::vector<std::string> lines_;
    unsigned ids_ = 0;
};

/// One test of a script, as it ended.
struct TestOutcome {
    std::string name;
    std::string failure; ///< empty: it passed
    std::vector<std::string> logged;
};

/// Runs each test in a state of its own. The error says why the script cannot be loaded.
Result<std::vector<TestOutcome>> run_tests(Script::Setup setup, const std::string& host);

/// Calls what a test gave as a plugin's function and pushes the answer; false: it gave none.
bool call_fake(lua_State* state, const Request& request);

/// run, advance, expect, fake: only in the states of tests.
void open_test_api(lua_State* state);

}
