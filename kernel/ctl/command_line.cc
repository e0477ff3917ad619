// From words to a command with its arguments, by the server's own description.
#include "command_line.h"

#include <nuncio/schema.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

namespace nuncio::ctl {

namespace {

    const Value* find_argument(const Value& command, std::string_view name)
    {
        if (const Value* arguments = command.find("arguments"))
            for (const Value& argument : arguments->as_array())
                if (text_of(argument, "name") == name)
                    return &argument;
        return nullptr;
    }

    bool answers_to(const Value& command, const std::string& name)
    {
        if (text_of(command, "name") == name)
            return true;
        const Value* const aliases = command.find("aliases");
        return aliases
            && std::ranges::find(aliases->as_array(), Value(name)) != aliases->as_array().end();
    }

    std::string upper(std::string_view name)
    {
        std::string out(name);
        for (char& c : out)
            c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        return out;
    }

    std::string default_socket()
    {
        const char* chosen = std::getenv("NUNCIO_SOCKET");
        return chosen && *chosen ? chosen : NUNCIO_RUNTIME_FOLDER "/nuncioctl.sock";
    }

}

std::string_view text_of(const Value& table, std::string_view key)
{
    const Value* value = table.find(key);
    return value ? std::string_view(value->as_string()) : std::string_view();
}

bool flag_of(const Value& table, std::string_view key)
{
    const Value* value = table.find(key);
    return value && value->as_bool();
}

Result<Invocation> read_invocation(const std::vector<std::string>& words)
{
    Invocation read { .socket = default_socket() };
    std::size_t i = 0;
    for (; i < words.size() && words[i].starts_with('-'); ++i) {
        const std::string& word = words[i];
        const auto equals = word.find('=');
        const std::string name = word.substr(0, equals);
        if (name == "--json") {
            read.as_json = true;
        } else if (name == "--help" || name == "-h") {
            read.wants_help = true;
        } else if (name == "--version") {
            read.wants_version = true;
        } else if (name == "--socket" || name == "--data") {
            if (equals == std::string::npos && i + 1 == words.size())
                return Error { name + ": expected a path after it" };
            const std::string path
                = equals == std::string::npos ? words[++i] : word.substr(equals + 1);
            read.socket = name == "--socket" ? path : path + "/run/nuncioctl.sock";
        } else {
            const auto near
                = nearest(name, { "--json", "--help", "--version", "--socket", "--data" });
            return Error { "there is no option " + name
                + (near.empty() ? "" : "; did you mean " + std::string(near) + "?") };
        }
    }
    // The one that is often thought of last.
    bool only_words = false;
    for (; i < words.size(); ++i) {
        only_words = only_words || words[i] == "--";
        if (!only_words && words[i] == "--json")
            read.as_json = true;
        else
            read.words.push_back(words[i]);
    }
    return read;
}

const Value* find_command(
    const Value& description, const std::vector<std::string>& words, std::size_t& used)
{
    for (const std::size_t count : { std::size_t(2), std::size_t(1) }) {
        if (words.size() < count)
            continue;
        const std::string name = count == 2 ? words[0] + ' ' + words[1] : words[0];
        for (const Value& command : description.as_array())
            if (answers_to(command, name)) {
                used = count;
                return &command;
            }
    }
    return nullptr;
}

bool has_position(const Value& argument)
{
    return flag_of(argument, "required") || text_of(argument, "type") == "file";
}

Value group_of(const Value& description, std::string_view word)
{
    Value members = Value::Array();
    for (const Value& command : description.as_array())
        if (text_of(command, "name").starts_with(std::string(word) + ' '))
            members.array().push_back(command);
    return members;
}

Error unknown_command(const Value& description, const std::vector<std::string>& words)
{
    std::vector<std::string_view> known;
    std::string group;
    for (const Value& command : description.as_array()) {
        const auto name = text_of(command, "name");
        known.push_back(name);
        if (name.starts_with(words[0] + ' '))
            group += (group.empty() ? "" : ", ") + std::string(name);
    }
    if (!group.empty())
        return Error { "\"" + words[0] + "\" is a group of commands: " + group };
    std::string_view near;
    if (words.size() > 1)
        near = nearest(words[0] + ' ' + words[1], known);
    if (near.empty())
        near = nearest(words[0], known);
    return Error { "there is no command \"" + words[0] + '"'
        + (near.empty() ? "; see nuncioctl help (a plugin's commands are there while it is loaded)"
                        : "; did you mean \"" + std::string(near) + "\"?") };
}

Result<Value> read_arguments(const Value& command, const std::vector<std::string>& words)
{
    Value read = Value::Table();
    std::vector<std::string_view> positions;
    if (const Value* arguments = command.find("arguments"))
        for (const Value& argument : arguments->as_array())
            if (has_position(argument))
                positions.push_back(text_of(argument, "name"));

    std::size_t next = 0;
    bool only_positions = false; // after "--": a password may begin with dashes
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word == "--" && !only_positions) {
            only_positions = true;
            continue;
        }
        if (only_positions || !word.starts_with("--")) {
            while (next < positions.size() && read.find(positions[next]))
                ++next; // given by name already
            if (next == positions.size())
                return Error { "there is nothing that \"" + word
                    + "\" could be; the usage is: " + usage_of(command) };
            read[positions[next++]] = word;
            continue;
        }
        const auto equals = word.find('=');
        const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
        const Value* argument = find_argument(command, name);
        if (!argument)
            return Error { "there is no option --" + name
                + "; the usage is: " + usage_of(command) };
        if (equals != std::string::npos)
            read[name] = word.substr(equals + 1);
        else if (text_of(*argument, "type") == "boolean")
            read[name] = true;
        else if (i + 1 < words.size())
            read[name] = words[++i];
        else
            return Error { "--" + name + ": expected a value after it" };
    }
    // The server looks from another folder than the caller.
    for (auto& [name, value] : read.table()) {
        const Value* const argument = find_argument(command, name);
        std::error_code failure;
        if (argument && text_of(*argument, "type") == "file"
            && std::filesystem::exists(value.as_string(), failure))
            value = std::filesystem::absolute(value.as_string(), failure).string();
    }
    return read;
}

std::string usage_of(const Value& command)
{
    std::string usage(text_of(command, "name"));
    if (const Value* arguments = command.find("arguments"))
        for (const Value& argument : arguments->as_array()) {
            const std::string name(text_of(argument, "name"));
            if (!flag_of(argument, "required") && has_position(argument))
                usage += " [" + upper(name) + ']';
            else if (!flag_of(argument, "required"))
                usage += " [--" + name
                    + (text_of(argument, "type") == "boolean" ? "]" : ' ' + upper(name) + ']');
            else if (flag_of(argument, "secret"))
                usage += " [" + upper(name) + ']';
            else
                usage += ' ' + upper(name);
        }
    return usage;
}

}
