// Configuration: whatever a file holds is read or refused with a place, and what was read is in
// bounds.
//
// The input is a file; a line `--- NAME` begins the next one, so that merging is reached too.
#include "config_files.h"
#include "config_reader.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

void require(bool condition, const char* promise)
{
    if (condition)
        return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

struct EverySort {
    bool truth = true;
    std::uint16_t number = 5;
    double real = 0.5;
    std::string text = "a";
    Duration duration = 60s;
    Bytes size { 65536 };
    std::vector<std::string> list { "a" };
    Value tables = Value::Array();
};

class Catalog final : public PluginCatalog {
public:
    void search(const std::vector<std::string>&) override { }
    Result<const Schema*> schema(const std::string& name) override
    {
        if (name == "every" || name == "internal")
            return &schema_;
        return Error { "there is no such plugin", Error::Kind::not_found };
    }
    std::vector<std::string> names() override { return { "every", "internal" }; }
    std::string summary(const std::string&) override { return {}; }
    bool is_auth_backend(const std::string& name) override { return name == "internal"; }
    const Schema& schema() const { return schema_; }

private:
    Schema schema_ = Schema::of<EverySort>("Every sort of option.")
                         .option("truth", &EverySort::truth, "")
                         .option("number", &EverySort::number, "")
                         .range(1, 1000)
                         .option("real", &EverySort::real, "")
                         .range(0, 1)
                         .option("text", &EverySort::text, "")
                         .choices({ "a", "b" })
                         .option("duration", &EverySort::duration, "")
                         .range(1, 3600)
                         .option("size", &EverySort::size, "")
                         .range(1024, 1048576)
                         .option("list", &EverySort::list, "")
                         .option("tables", &EverySort::tables, "");
};

void check_errors(const std::vector<ConfigError>& errors)
{
    for (const ConfigError& error : errors)
        require(!error.message.empty() && !error.text().empty(), "every mistake has a text");
}

/// A plugin's table that passed the check keeps its promises when it is read.
void check_plugin(const Schema& schema, const Value& table)
{
    EverySort read;
    require(schema.read(table, "plugins.every", &read).empty(), "checking and reading agree");
    require(read.number >= 1 && read.number <= 1000, "a number is within its range");
    require(read.real >= 0 && read.real <= 1, "a real number is within its range");
    require(read.duration >= 1s && read.duration <= 1h, "a duration is within its range");
    require(read.size.count >= 1024 && read.size.count <= 1048576, "a size is within its range");
    require(read.text == "a" || read.text == "b", "a text is one of the choices");
}

void check_json(const Value& value)
{
    // TOML may nest deeper than parse_json likes by default.
    const auto again = Value::parse_json(value.json(), 10000);
    require(again.ok(), "JSON that was written can be read");
    require(again->json() == value.json(), "and is written the same");
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size > 65536)
        return 0;
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    if (const auto value = Value::parse_json(rest))
        check_json(*value);

    Value root = Value::Table();
    std::vector<ConfigError> errors;
    for (int file = 0; file < 4 && !rest.empty(); ++file) {
        const auto end = rest.find("\n---");
        Value table = parse_toml(rest.substr(0, end), std::to_string(file) + ".toml", errors);
        check_json(table);
        merge_tables(
            root, std::move(table), file == 3 ? Conflict::overrides : Conflict::is_error, errors);
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 4);
    }
    check_errors(errors);

    Catalog catalog;
    const auto reading = read_config(root, { .folder = "/nonexistent", .data_dir = "/x" }, catalog);
    check_errors(reading.errors);
    if (!reading.ok())
        return 0;
    const Settings& settings = reading.settings;
    require(!settings.hosts.empty() && !settings.listen.empty(), "there is something to serve");
    require(settings.limits.stanza_bytes_before_auth.count >= 10000, "RFC 6120 §4.9.3.14");
    require(settings.limits.output_high <= settings.limits.output_max, "limits fit each other");
    for (const HostSettings& host : settings.hosts) {
        require(!host.domain.empty(), "a host has a domain");
        for (const auto& [name, table] : host.plugins)
            check_plugin(catalog.schema(), table);
    }
    return 0;
}
