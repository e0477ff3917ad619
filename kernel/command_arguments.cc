// Checking what a command is called with against what it declares.
#include "command_arguments.h"

#include "word_list.h"

#include <nuncio/jid.h>
#include <nuncio/schema.h>

#include <algorithm>
#include <charconv>

namespace nuncio::kernel {

namespace {

    constexpr std::size_t argument_bytes = 65536;

    Error wrong(const CommandArgument& argument, std::string_view expected)
    {
        return Error { argument.name + ": expected " + std::string(expected) };
    }

    Result<Value> read_integer(const CommandArgument& argument, const Value& given)
    {
        if (given.kind() == Value::Kind::integer)
            return given;
        const std::string& text = given.as_string();
        std::int64_t number = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (failure != std::errc() || end != text.data() + text.size() || text.empty())
            return wrong(argument, "a whole number");
        return Value(number);
    }

    Result<Value> read_boolean(const CommandArgument& argument, const Value& given)
    {
        if (given.kind() == Value::Kind::boolean)
            return given;
        if (given == Value("true") || given == Value("yes"))
            return Value(true);
        if (given == Value("false") || given == Value("no"))
            return Value(false);
        return wrong(argument, "true or false");
    }

    Result<Value> read_argument(const CommandArgument& argument, const Value& given)
    {
        if (argument.type == CommandArgument::Type::integer)
            return read_integer(argument, given);
        if (argument.type == CommandArgument::Type::boolean)
            return read_boolean(argument, given);
        if (given.kind() != Value::Kind::string)
            return wrong(argument, "a text");
        const std::string& text = given.as_string();
        if (text.size() > argument_bytes)
            return Error { argument.name + ": is longer than 64 KiB", Error::Kind::limit };
        if (!argument.choices.empty()
            && std::ranges::find(argument.choices, text) == argument.choices.end())
            return wrong(argument, "one of " + listed(argument.choices));
        if (argument.type == CommandArgument::Type::jid) {
            auto jid = Jid::parse(text);
            if (!jid)
                return Error { argument.name + ": " + jid.error().text };
            return Value(jid->text());
        }
        if (argument.type == CommandArgument::Type::host) {
            auto domain = prepare_domain(text);
            if (!domain)
                return Error { argument.name + ": " + domain.error().text };
            return Value(std::move(*domain));
        }
        return given;
    }

    Error unknown_argument(const Command& command, std::string_view name)
    {
        std::vector<std::string_view> known;
        for (const auto& argument : command.arguments)
            known.push_back(argument.name);
        std::string text = command.name + " has no argument \"" + std::string(name) + '"';
        if (const auto near = nearest(name, known); !near.empty())
            text += "; did you mean \"" + std::string(near) + "\"?";
        return Error { text };
    }

}

std::string_view to_string(CommandArgument::Type type)
{
    switch (type) {
    case CommandArgument::Type::string:
        return "string";
    case CommandArgument::Type::integer:
        return "integer";
    case CommandArgument::Type::boolean:
        return "boolean";
    case CommandArgument::Type::jid:
        return "jid";
    case CommandArgument::Type::host:
        return "host";
    case CommandArgument::Type::plugin:
        return "plugin";
    case CommandArgument::Type::file:
        return "file";
    }
    return {};
}

Result<Value> check_arguments(const Command& command, const Value& given)
{
    if (!given.is_null() && given.kind() != Value::Kind::table)
        return Error { "arguments: expected a table" };
    for (const auto& [name, value] : given.as_table())
        if (std::ranges::find(command.arguments, name, &CommandArgument::name)
            == command.arguments.end())
            return unknown_argument(command, name);

    Value checked = Value::Table();
    for (const CommandArgument& argument : command.arguments) {
        const Value* value = given.find(argument.name);
        const Value fallback(argument.default_text);
        if (!value || value->is_null()) {
            if (argument.required)
                return Error { command.name + ": the argument \"" + argument.name
                    + "\" is missing: " + argument.doc };
            if (argument.default_text.empty())
                continue;
            value = &fallback;
        }
        auto read = read_argument(argument, *value);
        if (!read)
            return read.error();
        checked[argument.name] = std::move(*read);
    }
    return checked;
}

std::string loggable_arguments(const Command& command, const Value& arguments)
{
    Value shown = Value::Table();
    for (const CommandArgument& argument : command.arguments)
        if (const Value* value = arguments.find(argument.name); value && !argument.secret)
            shown[argument.name] = *value;
    return shown.json();
}

}
