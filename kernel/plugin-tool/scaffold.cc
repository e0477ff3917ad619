// The files of a new plugin. `@name@` and the like are replaced.
#include "scaffold.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

namespace nuncio::tool {

namespace fs = std::filesystem;

namespace {

    constexpr const char* source
        = R"source(// Greets whoever asks: replace it with what @name@ is for.
#include <nuncio/plugin.h>

namespace @space@ {

using namespace nuncio;

struct Settings {
    std::string greeting = "hello";
};

class @Class@ final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Greets whoever asks.")
            .option("greeting", &Settings::greeting, "What it says.");
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        context.on_iq(Component::local, "urn:example:@name@", {}, [this](const Iq& iq) -> IqReply {
            if (iq.is_set())
                return StanzaError::Condition::not_allowed;
            Element answer("query", "urn:example:@name@");
            answer.add("greeting").text(settings_.greeting);
            return answer;
        });
        return {};
    }

private:
    Settings settings_;
};

}

NUNCIO_PLUGIN(@space@::@Class@, "@name@", "0.1.0", "Greets whoever asks")
)source";

    constexpr const char* test
        = R"source(// Everything that @name@ promises, shown in a server inside this program.
#include <doctest/doctest.h>
#include <nuncio/testkit.h>

using namespace nuncio;

namespace {

constexpr const char* question
    = "<iq type='get' id='1' to='localhost'><query xmlns='urn:example:@name@'/></iq>";

}

TEST_CASE("whoever asks is greeted")
{
    testkit::Server server({ .plugins = { "@name@" } });
    REQUIRE(server.started());
    auto romeo = server.log_in("romeo@localhost/orchard");
    romeo.send(question);
    CHECK(romeo.receives("<iq type='result' id='1' from='localhost' to='romeo@localhost/orchard'>"
                         "<query xmlns='urn:example:@name@'><greeting>hello</greeting></query></iq>"));
    CHECK(romeo.hears_nothing());
}

TEST_CASE("the greeting is an option")
{
    testkit::Server server(
        { .plugins = { "@name@" }, .options = { { "@name@", "greeting = 'salve'" } } });
    REQUIRE(server.started());
    auto romeo = server.log_in("romeo@localhost/orchard");
    romeo.send(question);
    CHECK(romeo.receives_some_of("<iq type='result'><query xmlns='urn:example:@name@'>"
                                 "<greeting>salve</greeting></query></iq>"));
}

TEST_CASE("a reload in the middle is not noticed")
{
    testkit::Server server({ .plugins = { "@name@" } });
    REQUIRE(server.started());
    auto romeo = server.log_in("romeo@localhost/orchard");
    romeo.send_without_waiting(question);
    CHECK(server.reload("@name@"));
    CHECK(romeo.receives_some_of("<iq type='result' id='1'/>"));
    romeo.send(question);
    CHECK(romeo.receives_some_of("<iq type='result' id='1'/>"));
    CHECK(romeo.hears_nothing());
}
)source";

    constexpr const char* build = R"source(cmake_minimum_required(VERSION 3.25)
project(@name@ LANGUAGES CXX)
include(CTest)
find_package(nuncio CONFIG REQUIRED)
add_compile_options(-Wall -Wextra)

nuncio_add_plugin(@name@ SOURCES @name@.cc)
nuncio_add_plugin_test(@name@-test SOURCES @name@_test.cc PLUGINS @name@)
)source";

    constexpr const char* fragment
        = R"source(# Greets whoever asks. Copy this into the server's conf.d.
[plugins.@name@]
# What it says.
# greeting = "hello"
)source";

    Result<void> check_name(const std::string& name)
    {
        const auto is_good
            = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
        if (name.empty() || name.size() > 40 || name[0] < 'a' || name[0] > 'z' || name.back() == '-'
            || !std::ranges::all_of(name, is_good) || name.find("--") != name.npos)
            return Error { '"' + name
                + "\" is no name for a plugin: expected at most 40 lower-case letters, digits and "
                  "single dashes, a letter first" };
        return {};
    }

    std::string class_name(const std::string& name)
    {
        std::string text;
        bool is_first = true;
        for (const char c : name) {
            if (c != '-')
                text += is_first && c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
            is_first = c == '-';
        }
        return text;
    }

    std::string filled(std::string text, const std::vector<std::pair<std::string, std::string>>& in)
    {
        for (const auto& [mark, value] : in)
            for (auto at = text.find(mark); at != text.npos;
                 at = text.find(mark, at + value.size()))
                text.replace(at, mark.size(), value);
        return text;
    }

}

Result<std::string> make_scaffold(const std::string& name, const std::string& where)
{
    if (auto checked = check_name(name); !checked)
        return checked.error();
    const fs::path folder = (where.empty() ? fs::path(".") : fs::path(where)) / name;
    std::error_code failure;
    if (!fs::create_directory(folder, failure))
        return Error { folder.string() + ": "
                + (failure ? failure.message()
                           : "is there already; choose another name or --in DIR"),
            Error::Kind::conflict };

    // Of its own: a plugin may be called like anything, a word of the language included.
    std::string space = "plugin_" + name;
    std::ranges::replace(space, '-', '_');
    const std::vector<std::pair<std::string, std::string>> words { { "@name@", name },
        { "@space@", space }, { "@Class@", class_name(name) } };
    for (const auto& [file, text] : { std::pair(name + ".cc", source),
             std::pair(name + "_test.cc", test), std::pair(std::string("CMakeLists.txt"), build),
             std::pair("50-" + name + ".toml", fragment) }) {
        std::ofstream out(folder / file);
        out << filled(text, words);
        out.close();
        if (!out)
            return Error { (folder / file).string() + ": cannot be written" };
    }
    return folder.string();
}

}
