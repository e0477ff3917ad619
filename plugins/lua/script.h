// One script in one state: its handlers, its tests, and the calls under way.
#pragma once

#include "event.h"
#include "library.h"
#include "machine.h"
#include "stanza_object.h"
#include "world.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nuncio::lua {

/// What becomes of what a failing script should have judged.
enum class OnError { pass, refuse };

/// One option that the script declared.
struct ScriptOption {
    std::string name;
    std::string type; ///< boolean, integer, number, string, duration, list
    std::string doc;
    Value value;
};

class Script {
public:
    /// Bounds on what a script may keep or cause; options of the plugin.
    struct Bounds {
        std::uint32_t waits = 32; ///< of one call
        std::uint32_t sends = 8; ///< stanzas that one call may send
        std::uint32_t timers = 64; ///< armed at once
        std::uint32_t calls = 1000; ///< waiting at once
        std::size_t value_bytes = 65536; ///< of one value in a store or in `shared`
    };
    struct Setup {
        std::string name;
        std::string text;
        const Value* options = nullptr; ///< table of what the administrator set
        std::vector<std::string> commands {}; ///< that it may call
        Budget budget {};
        Bounds bounds {};
        Library* library = nullptr; ///< for `require`; only while it loads
        World* world = nullptr; ///< outlives the script
        bool is_test = false;
    };

    struct Handler {
        EventName event;
        Stage stage = Stage::normal;
        int priority = 0; ///< higher ones first
        int function = 0;
    };
    struct Test {
        std::string name;
        int function = 0;
    };

    /// A handler's call, from its begin to its verdict. Made and kept by the script.
    class Call;

    /// Compiles and runs the text, which registers its handlers. The error names file and line.
    static Result<std::unique_ptr<Script>> load(const Setup& setup);
    ~Script();
    Script(const Script&) = delete;
    Script& operator=(const Script&) = delete;

    static Script& of(lua_State* state)
    {
        return *static_cast<Script*>(Machine::of(state).owner());
    }

    const std::string& name() const { return name_; }
    const std::string& summary() const { return summary_; }
    OnError on_error() const { return on_error_; }
    const std::vector<Handler>& handlers() const { return handlers_; }
    const std::vector<Test>& tests() const { return tests_; }
    const std::vector<ScriptOption>& options() const { return options_; }
    Machine& machine() { return machine_; }
    World& world() { return *world_; }
    const Bounds& bounds() const { return bounds_; }
    bool is_test() const { return is_test_; }
    bool is_loading() const { return library_ != nullptr; }
    /// What the administrator allows; in tests commands are fakes, and all are.
    bool may_command(std::string_view command) const;

    /// Runs a handler. The call is valid until end(); null: too many are waiting already.
    enum class Progress { done, waits, failed };
    Call* begin(const Handler& handler, const Subject& subject, Progress& progress);
    /// Goes on with a call that waits.
    Progress resume(Call& call, const Result<Value>& answer);
    void end(Call& call);
    /// What it waited for did not come: counts as a failure.
    Progress give_up(const std::string& why)
    {
        failure_ = why;
        return Progress::failed;
    }
    void forget_function(int function);
    /// Runs a timer's function, or anything else without a subject.
    Call* begin_function(int function, Progress& progress);
    /// The text of the last failure.
    const std::string& failure() const { return failure_; }

    /// What the script keeps in nuncio.state, and back into a newer state.
    Value save_state();
    void restore_state(const Value& state);

    // For the functions that the script calls.
    void declare(std::string summary, OnError on_error);
    void add_handler(Handler handler) { handlers_.push_back(handler); }
    void add_test(Test test) { tests_.push_back(std::move(test)); }
    /// The value of an option as it was set, or null. Notes that it is known.
    Value configured(const ScriptOption& option);
    /// Of the option that was declared last.
    void set_option_value(Value value) { options_.back().value = std::move(value); }
    Library* library() { return library_; }
    Call* current() { return current_; }
    /// Calls that have begun and not ended, beside the one that runs.
    std::size_t others_under_way() const { return calls_.size() - idle_.size() - 1; }
    void set_current(Call* call) { current_ = call; }
    std::uint32_t timers = 0; ///< armed now

private:
    explicit Script(const Setup& setup);
    Result<void> open(const std::string& text);
    Result<void> check_options() const;
    Call* take_call();
    Progress run(Call& call, int arguments);
    void free(Call& call);

    std::string name_;
    std::string summary_;
    OnError on_error_ = OnError::pass;
    Machine machine_;
    Bounds bounds_;
    World* world_;
    Library* library_;
    bool is_test_;
    std::vector<std::string> commands_;
    const Value* given_; ///< options, while it loads
    std::vector<Handler> handlers_;
    std::vector<Test> tests_;
    std::vector<ScriptOption> options_;
    std::vector<std::unique_ptr<Call>> calls_;
    std::vector<Call*> idle_;
    Call* current_ = nullptr;
    std::string failure_;
};

/// What one call of a handler sees and leaves behind.
class Script::Call {
public:
    Subject subject;
    Verdict verdict;
    std::vector<Stanza> sent; ///< to be sent if it ends well
    std::optional<Request> request; ///< what it waits for
    std::uint32_t waits = 0;
    StanzaBox* box = nullptr; ///< of the script's stanza; also what it made of it

    /// What the script wants to go on in place of the original; empty: the original.
    std::optional<Stanza> take_rewritten()
    {
        if (box && box->is_changed())
            return box->take_own();
        return {};
    }

    /// The call waits: what it is about lies elsewhere now.
    void follow(const Subject& moved)
    {
        subject = moved;
        if (moved.stanza)
            box->moved(*moved.stanza);
    }

private:
    friend class Script;
    lua_State* thread = nullptr;
    int references[3] = { LUA_NOREF, LUA_NOREF, LUA_NOREF }; ///< thread, box, event
    bool has_stanza = false;
};

/// Puts the server's functions among the globals.
void open_api(lua_State* state);
/// The light userdata that the verdict functions return.
void* verdict_mark();
/// Pushes what handlers get as `event`; its fields are those of the call's subject.
void push_event(lua_State* state, Script::Call& call);
void open_events(lua_State* state);

}
