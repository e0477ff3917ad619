// The words that complete a command line, by the server's own description.
#include "completion.h"

#include "command_line.h"
#include "help.h"

#include <set>
#include <utility>

namespace nuncio::ctl {

namespace {

    using Words = std::vector<std::string>;
    using Candidates = std::set<std::string>;

    const Candidates path { ":path" };

    /// The member `key` of every table that `list` has.
    Candidates members(const Value* list, const char* key)
    {
        Candidates names;
        if (list)
            for (const Value& entry : list->as_array())
                names.emplace(text_of(entry, key));
        return names;
    }

    Candidates hosts(const Ask& ask)
    {
        const auto status = ask("status");
        return status ? members(status->find("hosts"), "domain") : Candidates();
    }

    Candidates plugins(const Ask& ask)
    {
        const auto list = ask("plugin list");
        return list ? members(&*list, "name") : Candidates();
    }

    /// An address as far as it is known: the hosts, once its local part has been typed.
    Candidates addresses(const Ask& ask, const std::string& unfinished)
    {
        Candidates whole;
        const auto at = unfinished.find('@');
        if (at != std::string::npos)
            for (const std::string& host : hosts(ask))
                whole.insert(unfinished.substr(0, at + 1) + host);
        return whole;
    }

    Candidates values_of(const Ask& ask, const Value& argument, const std::string& unfinished)
    {
        const auto type = text_of(argument, "type");
        if (type == "host")
            return hosts(ask);
        if (type == "plugin")
            return plugins(ask);
        if (type == "jid")
            return addresses(ask, unfinished);
        if (type == "file")
            return path;
        if (type == "boolean")
            return { "true", "false" };
        Candidates words;
        if (const Value* choices = argument.find("choices"))
            for (const Value& choice : choices->as_array())
                words.insert(choice.as_string());
        return words;
    }

    /// The words that may follow `before`, which is the first word of a group or nothing.
    Candidates command_words(const Value& description, const std::string& before)
    {
        Candidates words;
        for (const Value& command : description.as_array()) {
            const auto name = text_of(command, "name");
            if (!name.starts_with(before))
                continue;
            const auto rest = name.substr(before.size());
            words.emplace(rest.substr(0, rest.find(' ')));
        }
        return words;
    }

    bool takes_next_word(const Value& argument)
    {
        return text_of(argument, "type") != "boolean";
    }

    Candidates with_prefix(const std::string& prefix, const Candidates& values)
    {
        if (values == path)
            return path;
        Candidates whole;
        for (const std::string& value : values)
            whole.insert(prefix + value);
        return whole;
    }

    /// What the words after a command's name have filled, and what the unfinished one belongs to.
    struct Filled {
        Candidates names {};
        std::size_t positions = 0;
        const Value* open = nullptr; ///< an option whose value is the unfinished word
    };

    Filled read_given(const Value::Array& arguments, const Words& given)
    {
        Filled filled;
        for (const std::string& word : given) {
            const bool is_value = std::exchange(filled.open, nullptr) != nullptr;
            if (is_value || word == "--")
                continue;
            if (!word.starts_with("--")) {
                ++filled.positions;
                continue;
            }
            const auto equals = word.find('=');
            const std::string name
                = word.substr(2, equals == std::string::npos ? equals : equals - 2);
            filled.names.insert(name);
            for (const Value& argument : arguments)
                if (text_of(argument, "name") == name && equals == std::string::npos
                    && takes_next_word(argument))
                    filled.open = &argument;
        }
        return filled;
    }

    Candidates argument_words(
        const Ask& ask, const Value& command, const Words& given, const std::string& unfinished)
    {
        const Value* declared = command.find("arguments");
        const Value::Array none;
        const Value::Array& arguments = declared ? declared->as_array() : none;
        Filled filled = read_given(arguments, given);
        if (filled.open)
            return values_of(ask, *filled.open, unfinished);

        const auto equals = unfinished.find('=');
        const Value* next = nullptr; // it has a place, and is not there yet
        Candidates options;
        for (const Value& argument : arguments) {
            const std::string name(text_of(argument, "name"));
            if (filled.names.contains(name))
                continue;
            if (has_position(argument)) {
                if (filled.positions > 0) {
                    --filled.positions;
                    continue;
                }
                next = next ? next : &argument;
            }
            options.insert("--" + name);
            if (unfinished.substr(0, equals) == "--" + name && equals != std::string::npos)
                return with_prefix(unfinished.substr(0, equals + 1),
                    values_of(ask, argument, unfinished.substr(equals + 1)));
        }
        if (next && !unfinished.starts_with('-'))
            return values_of(ask, *next, unfinished);
        options.insert({ "--json", "--help" });
        return options;
    }

    /// What every server has, for when none can be asked.
    Value usual_commands()
    {
        Value::Array all;
        for (const std::string_view name : static_commands()) {
            Value command;
            command["name"] = name;
            all.push_back(std::move(command));
        }
        return all;
    }

}

std::string completions(const Ask& ask, const Words& all)
{
    Words words = all;
    if (words.empty())
        words.emplace_back();
    const std::string unfinished = words.back();
    words.pop_back();

    Candidates candidates;
    std::size_t used = 0;
    const auto invocation = read_invocation(words);
    if (!invocation) // an option that is still to be told where
        return words.back() == "--data" || words.back() == "--socket" ? ":path\n" : "";
    Words given = invocation->words;
    const bool is_help = !given.empty() && given[0] == "help";
    if (is_help)
        given.erase(given.begin());
    const auto asked = ask("help");
    const Value description = asked ? *asked : usual_commands();

    if (given.empty() && (unfinished.starts_with("--data=") || unfinished.starts_with("--socket=")))
        return ":path\n";
    if (!given.empty() && given[0] == "completion") {
        if (given.size() == 1)
            candidates = { "bash", "zsh", "fish" };
    } else if (const Value* command = find_command(description, given, used)) {
        if (!is_help)
            candidates = argument_words(ask, *command,
                { given.begin() + static_cast<std::ptrdiff_t>(used), given.end() }, unfinished);
    } else if (given.size() <= 1) {
        candidates = command_words(description, given.empty() ? "" : given[0] + ' ');
        if (given.empty() && !is_help)
            candidates.insert(
                { "completion", "--json", "--socket", "--data", "--help", "--version" });
    }

    std::string out;
    for (const std::string& word : candidates)
        if (word.starts_with(unfinished) || word == *path.begin())
            out += word + '\n';
    return out;
}

}
