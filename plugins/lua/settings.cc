#include "settings.h"

namespace nuncio::lua {

Schema Settings::schema()
{
    using S = Settings;
    constexpr double mebibyte = 1024 * 1024;
    return Schema::of<S>("Policies written in Lua")
        .option("scripts", &S::scripts,
            "The scripts that are enabled, by file name without \".lua\", in the order in which "
            "they are asked.")
        .option("folder", &S::folder,
            "Where the scripts are; as seen from the folder of the configuration.")
        .option("settings", &S::settings,
            "Options of scripts: tables with the name of the script as `script`, and what it may "
            "command as `commands`.")
        .option("instructions", &S::instructions,
            "The most instructions of Lua that one call of a handler may take. Work in the "
            "server's own functions counts as instructions, too.")
        .range(1000, 100'000'000)
        .option("slow", &S::slow, "A call that takes longer is counted as slow.")
        .range(0.0001, 10)
        .option("time", &S::time,
            "A call that takes longer is ended: meanwhile its loop does nothing else.")
        .range(0.0001, 10)
        .option("memory", &S::memory, "The most memory of one script on one loop.")
        .range(256 * 1024, 1024 * mebibyte)
        .option("script_bytes", &S::script_bytes, "The largest file of a script.")
        .range(1, 16 * mebibyte)
        .option("failures", &S::failures,
            "After so many failures within failure_window a script rests: it is not asked, and "
            "what it should have judged passes or is refused, as the script declares.")
        .range(1, 1'000'000)
        .option("failure_window", &S::failure_window, "See failures.")
        .range(1, 86'400)
        .option("rest", &S::rest, "How long a script rests that failed too often.")
        .range(1, 86'400 * 365)
        .option("waits", &S::waits, "How often one call may await something.")
        .range(1, 10'000)
        .option("await_time", &S::await_time, "How long one call may wait altogether.")
        .range(0.001, 3600)
        .option("waiting_calls", &S::waiting_calls,
            "Calls of one script that may wait at once on one loop.")
        .range(1, 1'000'000)
        .option("waiting_stanzas", &S::waiting_stanzas,
            "Stanzas that may queue behind one for which a script waits; more are refused.")
        .range(1, 100'000)
        .option("sends", &S::sends, "Stanzas that one call may send.")
        .range(1, 1000)
        .option("timers", &S::timers, "Timers that one script may have armed at once on one loop.")
        .range(1, 10'000)
        .option("log_lines", &S::log_lines, "Lines that one script may log in a minute.")
        .range(1, 1'000'000)
        .option("value_bytes", &S::value_bytes, "The largest value in a store or in `shared`.")
        .range(1, 16 * mebibyte)
        .option("shared_keys", &S::shared_keys,
            "The most keys that all scripts together may keep in `shared`; what expires next goes "
            "first.")
        .range(16, 100'000'000)
        .option("shared_bytes", &S::shared_bytes, "The same in bytes.")
        .range(65'536, 4096 * mebibyte)
        .option("try_time", &S::try_time, "The longest trial with `nuncioctl lua try`.")
        .range(1, 86'400)
        .option("try_lines", &S::try_lines, "The most lines that a trial tells; it ends then.")
        .range(1, 1'000'000);
}

const Value* Settings::options_of(std::string_view script) const
{
    for (const Value& table : settings.as_array())
        if (const Value* name = table.find("script"); name && name->as_string() == script)
            return &table;
    return nullptr;
}

std::vector<std::string> Settings::commands_of(std::string_view script) const
{
    std::vector<std::string> commands;
    const Value* const options = options_of(script);
    const Value* const named = options ? options->find("commands") : nullptr;
    if (named)
        for (const Value& command : named->as_array())
            commands.push_back(command.as_string());
    return commands;
}

}
