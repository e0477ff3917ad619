// The reference of all options, generated from the schemas.
#include "options_reference.h"

#include "settings_schema.h"

#include <cmath>

namespace nuncio::kernel {

namespace {

    std::string_view name_of(Schema::Type type)
    {
        switch (type) {
        case Schema::Type::boolean:
            return "true or false";
        case Schema::Type::integer:
            return "whole number";
        case Schema::Type::number:
            return "number";
        case Schema::Type::string:
            return "text";
        case Schema::Type::duration:
            return "duration";
        case Schema::Type::size:
            return "size";
        case Schema::Type::string_list:
            return "list of texts";
        case Schema::Type::table_list:
            return "table";
        }
        return {};
    }

    std::string_view effect_of(Reload reload)
    {
        switch (reload) {
        case Reload::live:
            return "at once";
        case Reload::instance:
            return "the plugin is renewed";
        case Reload::listener:
            return "the port is opened again";
        case Reload::restart:
            return "after a restart";
        }
        return {};
    }

    std::string bound(Schema::Type type, double value)
    {
        if (type == Schema::Type::duration)
            return detail::write_value(Duration(std::llround(value * 1e9)));
        if (type == Schema::Type::size)
            return detail::write_value(Bytes { static_cast<std::uint64_t>(value) });
        if (type == Schema::Type::integer)
            return detail::write_value(static_cast<std::int64_t>(value));
        return detail::write_value(value);
    }

    /// "whole number, 1 to 65535", "one of "a", "b"".
    std::string values_of(const Schema::Option& option)
    {
        if (!option.choices.empty()) {
            std::string text = option.type == Schema::Type::string_list ? "list of " : "one of ";
            for (const auto& choice : option.choices)
                text += (&choice == &option.choices.front() ? "\"" : ", \"") + choice + '"';
            return text;
        }
        std::string text(name_of(option.type));
        if (std::isfinite(option.min) && std::isfinite(option.max))
            text += ", " + bound(option.type, option.min) + " to " + bound(option.type, option.max);
        else if (std::isfinite(option.min))
            text += ", at least " + bound(option.type, option.min);
        else if (std::isfinite(option.max))
            text += ", at most " + bound(option.type, option.max);
        return text;
    }

    std::string in_cell(std::string text)
    {
        for (auto at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
            text.insert(at, 1, '\\');
        return text;
    }

    class Reference {
    public:
        explicit Reference(ReferenceFormat format)
            : format_(format)
        {
        }

        void add(const std::string& title, const std::string& summary, const Schema& schema)
        {
            const bool is_markdown = format_ == ReferenceFormat::markdown;
            out_ += is_markdown ? "\n## `" + title + "`\n\n" : "\n" + title + '\n';
            if (!summary.empty())
                out_ += is_markdown ? summary + "\n\n" : "  " + summary + '\n';
            if (schema.options().empty()) {
                out_ += is_markdown ? "No options.\n" : "  No options.\n";
                return;
            }
            if (is_markdown)
                out_ += "| option | default | values | takes effect | meaning |\n"
                        "|---|---|---|---|---|\n";
            for (const auto& option : schema.options())
                is_markdown ? add_row(option) : add_lines(option);
        }

        std::string take() { return std::move(out_); }

    private:
        static std::string default_of(const Schema::Option& option)
        {
            return option.required ? "required" : option.default_text;
        }

        void add_row(const Schema::Option& option)
        {
            out_ += "| `" + option.name + "` | `" + in_cell(default_of(option)) + "` | "
                + in_cell(values_of(option)) + " | " + std::string(effect_of(option.reload)) + " | "
                + in_cell(option.doc) + " |\n";
        }

        void add_lines(const Schema::Option& option)
        {
            out_ += "\n  " + option.name + " = " + default_of(option) + "\n      " + option.doc
                + "\n      (" + values_of(option)
                + "; takes effect: " + std::string(effect_of(option.reload)) + ")\n";
        }

        ReferenceFormat format_;
        std::string out_;
    };

}

std::string options_reference(PluginCatalog& plugins, ReferenceFormat format)
{
    Reference reference(format);
    for (const Section& section : sections())
        reference.add(section.title, section.schema->summary(), *section.schema);
    for (const std::string& name : plugins.names()) {
        const auto schema = plugins.schema(name);
        if (!schema)
            continue; // of another ABI: it cannot be asked
        std::string summary = plugins.summary(name);
        const std::string& more = (*schema)->summary();
        if (summary.find(more) == std::string::npos)
            summary += ". " + more;
        reference.add("[plugins." + name + "]", summary, **schema);
    }
    return reference.take();
}

}
