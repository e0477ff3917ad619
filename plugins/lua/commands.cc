#include "commands.h"

#include "test_world.h"

#include <nuncio/script.h>

#include <algorithm>
#include <filesystem>

namespace nuncio::lua {

namespace {

    Value describe(const Script& script)
    {
        Value::Array handlers;
        for (const Script::Handler& handler : script.handlers())
            handlers.push_back(event_name(handler.event.point, handler.event.wants));
        Value::Table options;
        for (const ScriptOption& option : script.options())
            options.emplace_back(option.name, option.value);
        Value told;
        told["script"] = script.name();
        told["summary"] = script.summary();
        told["on_error"] = script.on_error() == OnError::refuse ? "refuse" : "pass";
        told["handlers"] = std::move(handlers);
        told["options"] = std::move(options);
        return told;
    }

    void count(Value& told, const Record& record, TimePoint now)
    {
        const auto verdicts = [&](Verdict::Kind kind) {
            return record.verdicts[std::size_t(kind)].load(std::memory_order_relaxed);
        };
        const auto rest = std::chrono::duration_cast<std::chrono::seconds>(record.rest(now));
        told["state"] = rest.count() > 0 ? "rests for " + std::to_string(rest.count()) + " s"
                                         : std::string("runs");
        told["calls"] = record.calls.load();
        told["dropped"] = verdicts(Verdict::Kind::drop);
        told["bounced"] = verdicts(Verdict::Kind::bounce);
        told["replied"] = verdicts(Verdict::Kind::reply);
        told["redirected"] = verdicts(Verdict::Kind::redirect);
        told["rewritten"] = record.rewritten.load();
        told["slow"] = record.slow.load();
        told["failures"] = record.failures.load();
        told["over_instructions"] = record.excesses[std::size_t(Excess::instructions)].load();
        told["over_time"] = record.excesses[std::size_t(Excess::time)].load();
        told["over_memory"] = record.excesses[std::size_t(Excess::memory)].load();
        told["rests"] = record.rests.load();
        told["last_failure"] = record.last_failure();
    }

}

void Commands::start()
{
    Context& context = common_.context;
    const CommandArgument file { .name = "file",
        .type = CommandArgument::Type::file,
        .doc = "a script: a path, or the name of one in the folder of scripts" };
    context.command({ .name = "lua list", .summary = "The scripts, and what they did and cost" },
        [this](const CommandCall&) { return list(); });
    context.command({ .name = "lua check",
                        .summary = "Load a script without arming it, and tell what it would do",
                        .arguments = { file },
                        .fronts = Fronts::console },
        [this](const CommandCall& call) { return check(std::string(call.text("file"))); });
    CommandArgument optional_file = file;
    optional_file.required = false;
    optional_file.doc = "a script; all that are enabled otherwise";
    context.command({ .name = "lua test",
                        .summary = "Run the tests that scripts bring along",
                        .arguments = { optional_file },
                        .fronts = Fronts::console },
        [this](const CommandCall& call) { return test(std::string(call.text("file"))); });
    context.command(
        { .name = "lua reload",
            .summary = "Load the enabled scripts anew; nothing changes unless all can be loaded" },
        [this](const CommandCall&) { return reload(); });
    context.command(
        { .name = "lua try",
            .summary = "Show what a script would do with what is going on, and do none of it",
            .arguments = { file,
                { .name = "for",
                    .doc = "how long, such as \"60s\"",
                    .required = false,
                    .default_text = "60s" } },
            .fronts = Fronts::console },
        [this](const CommandCall& call) {
            return try_out(
                std::string(call.text("file")), std::string(call.text("for")), call.progress);
        });
    context.command({ .name = "lua api", .summary = "The functions that plugins offer to scripts" },
        [this](const CommandCall&) { return api(); });
}

Result<Commands::File> Commands::read(std::string_view file) const
{
    const std::filesystem::path path(file);
    if (!path.has_parent_path() && path.extension().empty()) {
        Library library = catalog_.library();
        auto text = library.read(path.string());
        if (!text)
            return text.error();
        return File { path.string(), std::move(*text) };
    }
    auto text = read_script_file(path.string(), settings_.script_bytes.count);
    if (!text)
        return text.error();
    return File { path.stem().string(), std::move(*text) };
}

task<Result<Value>> Commands::list()
{
    Value::Array rows;
    const TimePoint now = Loop::current()->now();
    for (const std::string& name : catalog_.library().scripts()) {
        Value row;
        row["script"] = name;
        const auto found = catalog_.records().find(name);
        if (found == catalog_.records().end())
            row["state"] = "not enabled";
        else
            count(row, *found->second, now);
        rows.push_back(std::move(row));
    }
    co_return Value(std::move(rows));
}

task<Result<Value>> Commands::check(std::string file)
{
    const auto read_file = read(file);
    if (!read_file)
        co_return read_file.error();
    const auto made
        = catalog_.build_trial(read_file->name, read_file->text, [](Told, std::string) {});
    if (!made)
        co_return made.error();
    co_return describe(*made->front()->scripts().front().script);
}

task<Result<Value>> Commands::test(std::string file)
{
    std::vector<File> files;
    if (file.empty()) {
        Library library = catalog_.library();
        for (const std::string& name : settings_.scripts) {
            auto text = library.read(name);
            if (!text)
                co_return text.error();
            files.push_back({ name, std::move(*text) });
        }
    } else {
        auto one = read(file);
        if (!one)
            co_return one.error();
        files.push_back(std::move(*one));
    }
    // Tests take their time: not on a loop.
    auto job
        = [this, files = std::move(files), host = std::string(common_.context.host().domain())] {
              return run_all(files, host);
          };
    co_return co_await common_.context.work(std::move(job));
}

Result<Value> Commands::run_all(const std::vector<File>& files, const std::string& host) const
{
    Value::Array rows;
    std::string failures;
    for (const File& file : files) {
        Library library = catalog_.library();
        const auto outcomes = run_tests({ .name = file.name,
                                            .text = file.text,
                                            .budget = settings_.budget(),
                                            .bounds = settings_.bounds(),
                                            .library = &library },
            host);
        if (!outcomes)
            return outcomes.error();
        for (const TestOutcome& outcome : *outcomes) {
            Value row;
            row["script"] = file.name;
            row["test"] = outcome.name;
            row["result"] = outcome.failure.empty() ? "passed" : "failed: " + outcome.failure;
            if (!outcome.failure.empty())
                failures += '\n' + file.name + ": " + outcome.name + ": " + outcome.failure;
            rows.push_back(std::move(row));
        }
    }
    if (!failures.empty())
        return Error { "tests failed:" + failures };
    return Value(std::move(rows));
}

task<void> Commands::switch_policies(Catalog::Generation made)
{
    std::vector<Completion<bool>> switched(made.size());
    for (std::size_t i = 0; i < made.size(); ++i)
        common_.context.host().loop(i).post(
            [this, i, fresh = std::move(made[i]), done = switched[i]]() mutable {
                auto& current = hooks_.policies(i);
                fresh->take_over(current.get());
                current = std::move(fresh);
                done.resolve(true);
            });
    for (const auto& done : switched)
        co_await done;
}

task<Result<Value>> Commands::reload()
{
    auto made = catalog_.build();
    if (!made)
        co_return Error { made.error().text + "\nNothing was changed.", made.error().kind };
    co_await switch_policies(std::move(*made));
    catalog_.forgive();
    Value told;
    told["loaded"] = std::int64_t(settings_.scripts.size());
    co_return told;
}

task<Result<Value>> Commands::api()
{
    std::vector<ScriptFunction> functions;
    ScriptFunctions event { {}, functions };
    common_.context.emit(event);
    std::ranges::sort(functions, {}, &ScriptFunction::name);
    Value::Array rows;
    for (const ScriptFunction& function : functions) {
        Value row;
        row["function"] = "plugins." + function.name;
        row["signature"] = function.signature;
        row["what"] = function.doc;
        rows.push_back(std::move(row));
    }
    co_return Value(std::move(rows));
}

}
