#include "generation.h"
#include "plugin_catalog.h"
#include "test_server.h"

#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fstream>

using namespace nuncio;
using namespace nuncio::kernel;
namespace fs = std::filesystem;

namespace {

bool has_option(const Schema& schema, std::string_view name)
{
    return std::ranges::any_of(
        schema.options(), [&](const auto& option) { return option.name == name; });
}

}

TEST_CASE("a plugin's file may be overwritten in place while the catalog knows its options")
{
    const test::TemporaryFolder folder;
    const std::string file = folder.path() + "/greeter.so";
    fs::copy_file(NUNCIO_TEST_PLUGINS "/greeter.so", file);
    const auto catalog = make_plugin_catalog();
    catalog->search({ folder.path() });
    const auto schema = catalog->schema("greeter");
    REQUIRE(schema);
    CHECK_FALSE(is_resident(file));

    // Not a new file under the name: the bytes of the one that was read, all gone.
    fs::resize_file(file, 0);
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
        << std::string(1 << 16, '\xcc');
    CHECK(has_option(**schema, "word"));
    CHECK((*schema)->check(Value(Value::Table()), "plugins.greeter").empty());

    // What lies there now is no plugin, and whoever asks is told so.
    const auto again = catalog->schema("greeter");
    CHECK_FALSE(again);
}

TEST_CASE("the catalog names the plugins of its folders, and leaves no copies behind")
{
    const test::TemporaryFolder folder;
    const char* const usual = std::getenv("TMPDIR");
    const std::string before = usual ? usual : "";
    ::setenv("TMPDIR", folder.path().c_str(), 1);
    {
        const auto catalog = make_plugin_catalog();
        CHECK(catalog->names().empty());
        catalog->search({ NUNCIO_TEST_PLUGINS });
        const auto names = catalog->names();
        CHECK(std::ranges::find(names, "greeter") != names.end());
        CHECK_FALSE(catalog->summary("greeter").empty());
        CHECK(catalog->summary("nobody").empty());
        CHECK(catalog->schema("greeter"));
        CHECK_FALSE(fs::is_empty(folder.path()));
        const auto missing = catalog->schema("nobody");
        REQUIRE_FALSE(missing);
        CHECK(missing.error().kind == Error::Kind::not_found);
    }
    CHECK(fs::is_empty(folder.path()));
    usual ? ::setenv("TMPDIR", before.c_str(), 1) : ::unsetenv("TMPDIR");
}
