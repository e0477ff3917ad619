// Shell completion: scripts for the shells, and the words that they ask for.
#include "completion.h"

#include "command_line.h"

#include <algorithm>
#include <set>

namespace nuncio::ctl {

std::string completion_script(const std::string& shell)
{
    // Each hands over the words so far, the unfinished one last, and offers what comes back.
    if (shell == "bash")
        return R"script(# bash completion for nuncioctl: source <(nuncioctl completion bash)
_nuncioctl() {
    local IFS=$'\n'
    COMPREPLY=($(nuncioctl __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -F _nuncioctl nuncioctl
)script";
    if (shell == "zsh")
        return R"script(#compdef nuncioctl
# zsh completion for nuncioctl: save as _nuncioctl in a folder of $fpath
_nuncioctl() {
    local -a candidates
    candidates=(${(f)"$(nuncioctl __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    compadd -a candidates
}
if [ "$funcstack[1]" = "_nuncioctl" ]; then
    _nuncioctl "$@"
else
    compdef _nuncioctl nuncioctl
fi
)script";
    if (shell == "fish")
        return R"script(# fish completion for nuncioctl: nuncioctl completion fish | source
complete -c nuncioctl -f -a '(nuncioctl __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
)script";
    return {};
}

namespace {

    std::set<std::string> hosts(Client& client)
    {
        std::set<std::string> names;
        if (const auto status = client.call("status", Value()))
            if (const Value* list = status->find("hosts"))
                for (const Value& host : list->as_array())
                    names.emplace(text_of(host, "domain"));
        return names;
    }

    std::set<std::string> plugins(Client& client)
    {
        std::set<std::string> names;
        if (const auto list = client.call("plugin list", Value()))
            for (const Value& plugin : list->as_array())
                names.emplace(text_of(plugin, "name"));
        return names;
    }

    std::set<std::string> values_of(Client& client, const Value& argument)
    {
        const auto type = text_of(argument, "type");
        if (type == "host")
            return hosts(client);
        if (type == "plugin")
            return plugins(client);
        if (type == "boolean")
            return { "true", "false" };
        return {};
    }

    std::set<std::string> command_words(const Value& description, const std::string& before)
    {
        std::set<std::string> words;
        for (const Value& command : description.as_array()) {
            const auto name = text_of(command, "name");
            if (!name.starts_with(before))
                continue;
            const auto rest = name.substr(before.size());
            words.emplace(rest.substr(0, rest.find(' ')));
        }
        if (before.empty())
            words.insert({ "completion", "--json", "--socket", "--data", "--help", "--version" });
        return words;
    }

    std::set<std::string> argument_words(Client& client, const Value& command,
        const std::vector<std::string>& given, const std::string& unfinished)
    {
        std::set<std::string> words;
        const Value* arguments = command.find("arguments");
        if (!arguments)
            return words;
        const std::string& last = given.empty() ? std::string() : given.back();
        std::size_t positions = 0; // filled already
        for (std::size_t i = 0; i < given.size(); ++i)
            if (given[i].starts_with("--"))
                i += given[i].find('=') == std::string::npos ? 1 : 0;
            else
                ++positions;
        for (const Value& argument : arguments->as_array()) {
            const std::string option = "--" + std::string(text_of(argument, "name"));
            if (last == option)
                return values_of(client, argument);
            if (!flag_of(argument, "required")) {
                if (unfinished.starts_with('-') || positions > 0
                    || arguments->as_array().size() == 1)
                    words.insert(option);
            } else if (positions-- == 0) {
                words.merge(values_of(client, argument));
            }
        }
        return words;
    }

}

std::string completions(Client& client, const std::vector<std::string>& all)
{
    std::vector<std::string> words = all;
    if (words.empty())
        words.emplace_back();
    const std::string unfinished = words.back();
    words.pop_back();
    const auto invocation = read_invocation(words);
    const auto description = client.call("help", Value());
    if (!invocation || !description)
        return {};

    std::set<std::string> candidates;
    std::size_t used = 0;
    const auto& given = invocation->words;
    if (!given.empty() && given[0] == "completion") {
        candidates = { "bash", "zsh", "fish" };
    } else if (const Value* command = find_command(*description, given, used)) {
        candidates = argument_words(client, *command,
            { given.begin() + static_cast<std::ptrdiff_t>(used), given.end() }, unfinished);
    } else if (given.size() <= 1) {
        candidates = command_words(*description, given.empty() ? "" : given[0] + ' ');
    }
    std::string out;
    for (const std::string& word : candidates)
        if (word.starts_with(unfinished))
            out += word + '\n';
    return out;
}

}
