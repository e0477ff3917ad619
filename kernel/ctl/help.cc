// Help from the server's own description, and what can be said without a server.
#include "help.h"

#include "command_line.h"

#include <algorithm>

namespace nuncio::ctl {

std::string general_help()
{
    return "usage: nuncioctl [--socket PATH | --data DIR] [--json] COMMAND [ARGUMENT…]\n"
           "\n"
           "  --socket PATH  the server's control socket (also: NUNCIO_SOCKET in the environment)\n"
           "  --data DIR     the server's data folder, when it was started with --data\n"
           "  --json         print the answer as JSON\n"
           "  --version      print the version\n"
           "\n"
           "  nuncioctl help COMMAND              what a command does and takes\n"
           "  nuncioctl completion bash|zsh|fish  a script for the shell\n"
           "\n"
           "exit codes: 0 done, 1 the server refused or failed, 2 wrong usage, 3 no server\n";
}

std::string command_list(const Value& description)
{
    std::size_t width = 0;
    for (const Value& command : description.as_array())
        width = std::max(width, usage_of(command).size());
    std::string out = "commands:\n";
    for (const Value& command : description.as_array()) {
        const std::string usage = usage_of(command);
        out += "  " + usage + std::string(width - usage.size(), ' ') + "  "
            + std::string(text_of(command, "summary"));
        if (const auto plugin = text_of(command, "plugin"); !plugin.empty())
            out += " (plugin " + std::string(plugin) + ")";
        out += '\n';
    }
    return out;
}

std::span<const std::string_view> static_commands()
{
    static constexpr std::string_view names[] = { "status", "trace", "check", "reload",
        "reopen-log", "stop", "register", "unregister", "change-password", "connected-users",
        "user-resources", "kick", "import", "export", "plugin list", "plugin load", "plugin unload",
        "plugin reload", "plugin refresh", "plugin release", "plugin top", "help" };
    return names;
}

std::string static_command_list()
{
    std::string out = "commands of every server (plugins add more; a running server lists all):\n";
    for (const std::string_view name : static_commands())
        out += "  " + std::string(name) + '\n';
    return out;
}

std::string command_help(const Value& command)
{
    std::string out = "usage: nuncioctl " + usage_of(command) + '\n'
        + std::string(text_of(command, "summary")) + '\n';
    if (const Value* aliases = command.find("aliases"))
        for (const Value& alias : aliases->as_array())
            out += "also: nuncioctl " + alias.as_string() + '\n';
    const Value* arguments = command.find("arguments");
    if (!arguments)
        return out;
    for (const Value& argument : arguments->as_array()) {
        const bool is_required = flag_of(argument, "required");
        out += std::string("  ") + (is_required ? "" : "--")
            + std::string(text_of(argument, "name")) + " (" + std::string(text_of(argument, "type"))
            + "): " + std::string(text_of(argument, "doc"));
        if (const auto fallback = text_of(argument, "default"); !fallback.empty())
            out += "; " + std::string(fallback) + " if left out";
        if (const Value* choices = argument.find("choices"))
            for (const Value& choice : choices->as_array())
                out += (&choice == &choices->as_array().front() ? "; one of " : ", ")
                    + choice.as_string();
        out += '\n';
    }
    return out;
}

}
