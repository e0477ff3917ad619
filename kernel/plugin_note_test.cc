#include "plugin_note.h"
#include "test_server.h"

#include <nuncio/note.h>

#include <doctest/doctest.h>
#include <fstream>
#include <iterator>
#include <random>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

std::string bytes_of(const std::string& file)
{
    std::ifstream in(file, std::ios::binary);
    return { std::istreambuf_iterator<char>(in), {} };
}

void write_bytes(const std::string& file, std::string_view bytes)
{
    std::ofstream(file, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

const std::string greeter_file = NUNCIO_TEST_PLUGINS "/greeter.so";

PluginNote fitting_note()
{
    auto note = read_plugin_note(greeter_file);
    REQUIRE(note);
    return *note;
}

}

TEST_CASE("a plugin's note tells what NUNCIO_PLUGIN said")
{
    const PluginNote note = fitting_note();
    CHECK(note.name == "greeter");
    CHECK(note.version == "1.0");
    CHECK(note.summary == "Greets");
    CHECK(note.abi == abi_number);
    CHECK(note.provides == std::vector<std::string> { "greeting/1" });
    CHECK(note.requires_.empty());
    CHECK(note.build_id.size() >= 16);
    CHECK(check_plugin_note(note));
}

TEST_CASE("a note for another ABI is refused with both numbers and what to do")
{
    const auto note = read_plugin_note(NUNCIO_TEST_PLUGINS "/foreign.so");
    REQUIRE(note);
    const auto checked = check_plugin_note(*note);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().text.find("built for nuncio-abi-99, this server has nuncio-abi-1")
        != std::string::npos);
    CHECK(checked.error().text.find("install the package") != std::string::npos);
}

TEST_CASE("each toolchain field that differs is named with both values")
{
    const PluginNote good = fitting_note();
    for (const auto& [field, other] : { std::pair("arch", "pdp11"), std::pair("library", "libc++"),
             std::pair("containers", "padded"), std::pair("sanitizer", "hygiene") }) {
        const auto& shown = field;
        CAPTURE(shown);
        PluginNote note = good;
        const auto at = note.toolchain.find(std::string(field) + ':');
        REQUIRE(at != std::string::npos);
        const auto from = at + std::string(field).size() + 1;
        const auto end = std::min(note.toolchain.find(';', from), note.toolchain.size());
        note.toolchain.replace(from, end - from, other);
        const auto checked = check_plugin_note(note);
        REQUIRE_FALSE(checked);
        CHECK(checked.error().text.find(std::string("built with ") + field + " \"" + other)
            != std::string::npos);
        CHECK(checked.error().text.find("this server has") != std::string::npos);
    }

    for (const char* other : { "0123456789abcdef", "" }) {
        PluginNote note = good;
        note.headers = other;
        const auto checked = check_plugin_note(note);
        REQUIRE_FALSE(checked);
        CHECK(checked.error().text.find("built with headers \"" + std::string(other)
                  + "\", this server has \"" + library_headers() + '"')
            != std::string::npos);
        CHECK(checked.error().text.find("same headers") != std::string::npos);
    }

    PluginNote more = good;
    more.toolchain += ";time:32";
    CHECK_FALSE(check_plugin_note(more));
    PluginNote less = good;
    less.toolchain = less.toolchain.substr(0, less.toolchain.rfind(';'));
    CHECK_FALSE(check_plugin_note(less));
}

TEST_CASE("a file without a note is refused, whatever it is")
{
    test::TemporaryFolder folder;
    const std::string file = folder.path() + "/x.so";
    for (const std::string& bytes :
        { std::string(), std::string("#!/bin/sh\n"), std::string(5000, '\0'),
            std::string("\x7f"
                        "ELF") }) {
        write_bytes(file, bytes);
        CHECK_FALSE(read_plugin_note(file));
    }
    CHECK_FALSE(read_plugin_note(folder.path()));
    const auto missing = read_plugin_note(folder.path() + "/none.so");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().kind == Error::Kind::not_found);

    // An ordinary library.
    const auto library = read_plugin_note("/proc/self/exe");
    CHECK_FALSE(library);
}

TEST_CASE("a half-copied plugin is refused at every length")
{
    test::TemporaryFolder folder;
    const std::string file = folder.path() + "/x.so";
    const std::string whole = bytes_of(greeter_file);
    REQUIRE(whole.size() > 4096);

    // Every length through the headers and the notes, then in steps; what is cut off at the end is
    // debug information and section headers, which nothing needs.
    const auto note = whole.find("toolchain=");
    REQUIRE(note != std::string::npos);
    std::size_t refused = 0;
    for (std::size_t size = 0; size < whole.size(); size += size < note + 1024 ? 1 : 997) {
        write_bytes(file, std::string_view(whole).substr(0, size));
        if (!read_plugin_note(file))
            ++refused;
    }
    CHECK(refused > note);
    write_bytes(file, whole);
    CHECK(read_plugin_note(file));
}

TEST_CASE("damaged headers and notes never do more than fail")
{
    test::TemporaryFolder folder;
    const std::string file = folder.path() + "/x.so";
    const std::string whole = bytes_of(greeter_file);
    const auto note = whole.find("toolchain=");
    REQUIRE(note != std::string::npos);

    std::mt19937 random(20261122);
    for (int round = 0; round < 4000; ++round) {
        std::string bytes = whole.substr(0, std::min<std::size_t>(whole.size(), 65536));
        const int flips = 1 + static_cast<int>(random() % 8);
        for (int i = 0; i < flips; ++i) {
            // The ELF header, the program headers, and around the note.
            const std::size_t at = random() % 3 == 0 ? note - 64 + random() % 512 : random() % 1024;
            bytes[at % bytes.size()] = static_cast<char>(random());
        }
        write_bytes(file, bytes);
        if (const auto read = read_plugin_note(file)) {
            CHECK_FALSE(read->name.empty());
            (void)check_plugin_note(*read);
        }
    }
}

TEST_CASE("a note's text is bounded and holds nothing that a terminal would obey")
{
    const std::string good = "abi=1\ntoolchain=t:x\nname=n\nversion=1\n";
    CHECK(parse_plugin_note(good, "f"));
    CHECK(parse_plugin_note(good + "later=something\n", "f"));
    CHECK_FALSE(parse_plugin_note(good + "summary=\x1b[2J\n", "f"));
    CHECK_FALSE(parse_plugin_note(good + "name=again\n", "f"));
    CHECK_FALSE(parse_plugin_note("abi=1\ntoolchain=t:x\nversion=1\n", "f"));
    CHECK_FALSE(parse_plugin_note("abi=x\n", "f"));
    CHECK_FALSE(parse_plugin_note("abi=1\ntoolchain=t\nname=../../etc\nversion=1\n", "f"));
    CHECK_FALSE(parse_plugin_note(good + "no equals sign\n", "f"));
    CHECK_FALSE(parse_plugin_note(good + "provides=Storage/1\n", "f"));

    const std::string edge = good + "summary=" + std::string(16384 - good.size() - 9, 's') + '\n';
    REQUIRE(edge.size() == 16384);
    CHECK(parse_plugin_note(edge, "f"));
    CHECK_FALSE(parse_plugin_note(edge + '\n', "f"));

    std::string many = good;
    for (int i = 0; i < 64; ++i)
        many += "requires=i" + std::to_string(i) + "/1\n";
    CHECK(parse_plugin_note(many, "f"));
    CHECK_FALSE(parse_plugin_note(many + "requires=more/1\n", "f"));
}
