#include "elf_dynamic.h"
#include "test_server.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

Result<ElfDynamic> read(const std::string& file)
{
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(descriptor >= 0);
    auto dynamic = read_elf_dynamic(descriptor, file);
    ::close(descriptor);
    return dynamic;
}

constexpr const char* plugin = NUNCIO_TEST_PLUGINS "/greeter.so";

}

TEST_CASE("what the dynamic linker would see of a plugin is read as data")
{
    const auto dynamic = read(plugin);
    REQUIRE(dynamic);
    CHECK(std::ranges::find(dynamic->needed, "libnuncio.so.1") != dynamic->needed.end());
    CHECK(dynamic->soname.empty());
    CHECK(dynamic->binds_now);
    CHECK_FALSE(dynamic->is_never_unloaded);
    CHECK_FALSE(dynamic->has_text_relocations);
    CHECK_FALSE(dynamic->has_executable_stack);
    const auto descriptor = std::ranges::find(dynamic->symbols, "nuncio_plugin", &ElfSymbol::name);
    REQUIRE(descriptor != dynamic->symbols.end());
    CHECK(descriptor->is_defined);
    CHECK_FALSE(descriptor->is_weak);
}

TEST_CASE("an ELF file that was cut anywhere is refused, and crashes nobody")
{
    std::ifstream in(plugin, std::ios::binary);
    const std::string whole(std::istreambuf_iterator<char>(in), {});
    test::TemporaryFolder folder;
    const std::string file = folder.path() + "/cut.so";
    for (std::size_t size = 0; size < whole.size(); size += whole.size() / 97 + 1) {
        std::ofstream(file, std::ios::binary) << whole.substr(0, size);
        CHECK_FALSE(read(file));
    }
}

TEST_CASE("an ELF file with any byte changed crashes nobody")
{
    std::ifstream in(plugin, std::ios::binary);
    const std::string whole(std::istreambuf_iterator<char>(in), {});
    test::TemporaryFolder folder;
    const std::string file = folder.path() + "/changed.so";
    constexpr std::size_t headers = 1024; // of the file and of its segments
    for (std::size_t at = 0; at < std::min(headers, whole.size()); at += 3) {
        std::string changed = whole;
        changed[at] = static_cast<char>(~changed[at]);
        std::ofstream(file, std::ios::binary) << changed;
        (void)read(file);
    }
}
