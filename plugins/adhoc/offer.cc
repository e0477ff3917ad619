#include "offer.h"

#include <algorithm>

namespace nuncio::adhoc {

namespace {

    // XEP-0050 §3.2 leaves the names of nodes to who offers them.
    constexpr std::string_view own_nodes = "nuncio#";

    std::string node_of(const Command& command)
    {
        std::string node = std::string(own_nodes) + command.name;
        std::ranges::replace(node, ' ', '-');
        return node;
    }

    std::string type_of(const CommandArgument& argument)
    {
        if (argument.secret)
            return "text-private";
        if (!argument.choices.empty())
            return "list-single";
        switch (argument.type) {
        case CommandArgument::Type::boolean:
            return "boolean";
        case CommandArgument::Type::jid:
            return "jid-single";
        default:
            return "text-single";
        }
    }

    Field field_of(const CommandArgument& argument, std::string_view host)
    {
        Field field { .var = argument.name,
            .type = type_of(argument),
            .label = argument.name + (argument.doc.empty() ? "" : ": " + argument.doc),
            .is_required = argument.required };
        if (!argument.default_text.empty())
            field.values = { argument.default_text };
        // What is asked of a host is about that host, unless somebody changes it.
        if (argument.type == CommandArgument::Type::host)
            field.values = { std::string(host) };
        for (const std::string& choice : argument.choices)
            field.options.push_back({ choice, choice });
        return field;
    }

    Offer own_offer(const Command& command, std::string_view host)
    {
        Offer offer { .node = node_of(command),
            .name = command.name + ": " + command.summary,
            .command = command,
            .questions = { .title = command.name, .instructions = command.summary } };
        for (const CommandArgument& argument : command.arguments)
            offer.questions.fields.push_back(field_of(argument, host));
        return offer;
    }

    Offer admin_offer(const AdminNode& admin, const Command& command)
    {
        Offer offer { .node = std::string(ns_admin) + '#' + std::string(admin.node),
            .name = admin.name,
            .command = command,
            .admin = &admin,
            .questions = { .title = admin.name,
                .instructions = command.summary,
                .form_type = std::string(ns_admin) } };
        for (const AdminField& asked : admin.fields) {
            Field field { .var = asked.var,
                .type = asked.type,
                .label = asked.label,
                .is_required = asked.is_required };
            for (const char* option : asked.options)
                field.options.push_back({ option, option });
            offer.questions.fields.push_back(std::move(field));
        }
        return offer;
    }

    const Command* find(const std::vector<Command>& commands, std::string_view name)
    {
        const auto found = std::ranges::find(commands, name, &Command::name);
        return found == commands.end() ? nullptr : &*found;
    }

    bool is_boolean(const Offer& offer, std::string_view var)
    {
        const auto field = std::ranges::find(offer.questions.fields, var, &Field::var);
        return field != offer.questions.fields.end() && field->type == "boolean";
    }

    /// An empty value of something that may be left out is left out.
    bool is_given(const Offer& offer, std::string_view var, const std::string& value)
    {
        const auto field = std::ranges::find(offer.questions.fields, var, &Field::var);
        return !value.empty() || field->is_required;
    }

    Result<std::vector<Value>> admin_calls(
        const Offer& offer, const Filled& filled, std::string_view host)
    {
        Value common = Value::Table();
        if (offer.admin->is_about_host)
            common["host"] = host;
        for (const auto& [argument, value] : offer.admin->fixed)
            common[argument] = value;
        const std::vector<std::string>* accounts = nullptr;
        for (const AdminField& asked : offer.admin->fields) {
            const auto given = filled.find(std::string_view(asked.var));
            if (given == filled.end())
                continue;
            const std::string& first = given->second.front();
            if (asked.repeats) {
                const auto other = filled.find(std::string_view(asked.repeats));
                if (other == filled.end() || other->second.front() != first)
                    return Error { std::string(asked.var) + ": expected the same as "
                        + asked.repeats };
            } else if (std::string_view(asked.type).ends_with("-multi")) {
                accounts = &given->second;
            } else if (first != no_bound) {
                common[asked.argument] = first;
            }
        }
        if (!accounts)
            return std::vector<Value> { std::move(common) };
        std::vector<Value> calls;
        for (const std::string& account : *accounts) {
            calls.push_back(common);
            calls.back()["jid"] = account;
        }
        return calls;
    }

}

bool is_command_node(std::string_view node)
{
    return node.starts_with(own_nodes) || node.starts_with(std::string(ns_admin) + '#');
}

std::vector<Offer> offers_of(const std::vector<Command>& commands, std::string_view host)
{
    std::vector<Offer> offers;
    for (const AdminNode& admin : admin_nodes())
        if (const Command* command = find(commands, admin.command))
            offers.push_back(admin_offer(admin, *command));
    for (const Command& command : commands)
        offers.push_back(own_offer(command, host));
    return offers;
}

std::optional<Offer> find_offer(
    const std::vector<Command>& commands, std::string_view node, std::string_view host)
{
    const std::string admin_prefix = std::string(ns_admin) + '#';
    if (node.starts_with(admin_prefix)) {
        const auto admin
            = std::ranges::find(admin_nodes(), node.substr(admin_prefix.size()), &AdminNode::node);
        const Command* command
            = admin == admin_nodes().end() ? nullptr : find(commands, admin->command);
        return command ? std::optional(admin_offer(*admin, *command)) : std::nullopt;
    }
    for (const Command& command : commands)
        if (node_of(command) == node)
            return own_offer(command, host);
    return {};
}

Result<std::vector<Value>> calls_of(const Offer& offer, const Filled& filled, std::string_view host)
{
    if (offer.admin)
        return admin_calls(offer, filled, host);
    Value arguments = Value::Table();
    for (const auto& [var, values] : filled) {
        const std::string& value = values.front();
        if (!is_given(offer, var, value))
            continue;
        if (is_boolean(offer, var))
            arguments[var] = value == "1" || value == "true";
        else
            arguments[var] = value;
    }
    return std::vector<Value> { std::move(arguments) };
}

Questions refilled(const Offer& offer, const Filled& filled)
{
    Questions questions = offer.questions;
    for (Field& field : questions.fields) {
        field.values.clear();
        if (const auto given = filled.find(field.var);
            given != filled.end() && field.type != "text-private")
            field.values = given->second;
    }
    return questions;
}

Questions confirmation(const Offer& offer, const Filled& filled)
{
    Questions questions { .title = offer.questions.title,
        .instructions = offer.questions.instructions + " This cannot be taken back." };
    for (const Field& field : refilled(offer, filled).fields)
        if (!field.values.empty())
            questions.fields.push_back({ .var = field.var,
                .type = "fixed",
                .label = field.label,
                .values = field.values });
    return questions;
}

}
