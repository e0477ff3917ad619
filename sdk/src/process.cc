#include <nuncio/process.h>

#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace nuncio::inline v1 {

namespace {

    // What sh(1) takes when it has none; a script's `#!/usr/bin/env python3` finds its interpreter.
    constexpr std::string_view default_path = "PATH=/usr/local/bin:/usr/bin:/bin";

    bool is_inherited(std::string_view variable)
    {
        for (const std::string_view name : { "PATH=", "LANG=", "LC_", "TZ=", "HOME=" })
            if (variable.starts_with(name))
                return true;
        return false;
    }

    std::string_view name_of(std::string_view variable)
    {
        return variable.substr(0, variable.find('='));
    }

    void set(std::vector<std::string>& environment, std::string_view variable)
    {
        for (std::string& other : environment)
            if (name_of(other) == name_of(variable)) {
                other = variable;
                return;
            }
        environment.emplace_back(variable);
    }

}

Process::~Process() = default;

std::vector<std::string> inherited_environment(const std::vector<std::string>& more)
{
    std::vector<std::string> environment { std::string(default_path) };
    for (char** variable = environ; variable && *variable; ++variable)
        if (is_inherited(*variable))
            set(environment, *variable);
    for (const std::string& variable : more)
        set(environment, variable);
    return environment;
}

std::string ProcessEnd::text() const
{
    if (failure)
        return failure->text;
    if (signal != 0)
        return "was ended by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ')';
    return "exited with status " + std::to_string(status);
}

}
