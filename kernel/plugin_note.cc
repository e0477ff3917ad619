// `.note.nuncio`: reading it, and telling whether the plugin fits this server.
#include "plugin_note.h"

#include "elf_notes.h"

#include <nuncio/note.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    constexpr std::size_t most_text = 16384;
    constexpr std::size_t most_word = 128;
    constexpr std::size_t most_words = 64;

    Error wrong(const std::string& file, const std::string& what)
    {
        return { file + ": " + what, Error::Kind::invalid };
    }

    bool is_word(std::string_view text, std::string_view also)
    {
        return !text.empty() && text.size() <= most_word
            && std::ranges::all_of(text, [also](char c) {
                   return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
                       || also.find(c) != also.npos;
               });
    }

    Result<void> add_interfaces(std::string_view text, std::vector<std::string>& to)
    {
        while (!text.empty()) {
            const auto end = std::min(text.find(' '), text.size());
            const auto word = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            if (word.empty())
                continue;
            if (!is_word(word, "-._/"))
                return Error { "expected interfaces like storage/1" };
            if (to.size() == most_words)
                return Error { "more than " + std::to_string(most_words) + " interfaces" };
            if (std::ranges::find(to, word) == to.end())
                to.emplace_back(word);
        }
        return {};
    }

    Result<void> set_text(std::string_view text, std::string& to)
    {
        if (!to.empty())
            return Error { "given twice" };
        to = text;
        return {};
    }

    Result<void> set_field(PluginNote& note, std::string_view key, std::string_view value)
    {
        if (key == "abi") {
            const char* const end = value.data() + value.size();
            const auto read = std::from_chars(value.data(), end, note.abi);
            if (read.ec != std::errc() || read.ptr != end || note.abi <= 0)
                return Error { "expected a number" };
            return {};
        }
        if (key == "headers")
            return set_text(value, note.headers);
        if (key == "toolchain")
            return set_text(value, note.toolchain);
        if (key == "name") {
            // It becomes part of file names.
            if (!is_word(value, "-_"))
                return Error { "expected lower-case letters, digits, - and _" };
            return set_text(value, note.name);
        }
        if (key == "version")
            return set_text(value, note.version);
        if (key == "summary")
            return set_text(value, note.summary);
        if (key == "provides")
            return add_interfaces(value, note.provides);
        if (key == "requires")
            return add_interfaces(value, note.requires_);
        if (key == "after")
            return add_interfaces(value, note.after);
        return {}; // Of a later SDK with the same ABI number: nothing that we need to know.
    }

    std::map<std::string, std::string, std::less<>> toolchain_fields(std::string_view text)
    {
        std::map<std::string, std::string, std::less<>> fields;
        while (!text.empty()) {
            const auto end = std::min(text.find(';'), text.size());
            const auto field = text.substr(0, end);
            text.remove_prefix(std::min(end + 1, text.size()));
            const auto colon = std::min(field.find(':'), field.size());
            fields.emplace(field.substr(0, colon),
                colon < field.size() ? field.substr(colon + 1) : std::string_view());
        }
        return fields;
    }

    /// What an administrator or author does about a field that differs.
    std::string_view advice(std::string_view field)
    {
        if (field == "arch")
            return "install the package for this machine's architecture";
        if (field == "library")
            return "rebuild it with the C++ library that this server was built with";
        if (field == "containers")
            return "rebuild both with or both without _GLIBCXX_DEBUG";
        if (field == "sanitizer")
            return "rebuild it with the server's -fsanitize options";
        if (field == "headers")
            return "build both from the same headers, or install the package of the plugin that "
                   "fits this server";
        return "rebuild it against this server's SDK";
    }

    std::string hexadecimal(std::string_view bytes)
    {
        constexpr char digits[] = "0123456789abcdef";
        std::string text;
        for (const char byte : bytes) {
            text += digits[static_cast<unsigned char>(byte) >> 4];
            text += digits[static_cast<unsigned char>(byte) & 15];
        }
        return text;
    }

}

Result<PluginNote> parse_plugin_note(std::string_view text, const std::string& file)
{
    while (!text.empty() && text.back() == '\0')
        text.remove_suffix(1);
    if (text.size() > most_text)
        return wrong(file, "its note is longer than " + std::to_string(most_text) + " bytes");
    // Names and summaries reach logs and terminals.
    if (std::ranges::any_of(text, [](char c) {
            return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
        }))
        return wrong(file, "its note holds control characters");

    PluginNote note;
    note.file = file;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty())
            continue;
        const auto equals = line.find('=');
        if (equals == line.npos)
            return wrong(file, "its note has a line without '='");
        const auto key = line.substr(0, equals);
        if (auto set = set_field(note, key, line.substr(equals + 1)); !set)
            return wrong(file,
                "its note's field \"" + std::string(key.substr(0, most_word))
                    + "\" is wrong: " + set.error().text);
    }
    for (const auto& [key, is_missing] :
        { std::pair("abi", note.abi == 0), std::pair("toolchain", note.toolchain.empty()),
            std::pair("name", note.name.empty()), std::pair("version", note.version.empty()) })
        if (is_missing)
            return wrong(file, std::string("its note lacks the field \"") + key + '"');
    return note;
}

Result<PluginNote> read_plugin_note(const std::string& file)
{
    // O_NONBLOCK: a fifo in the plugin folder must not stop the server; it is refused below.
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return Error { file + ": " + std::strerror(errno),
            errno == ENOENT ? Error::Kind::not_found : Error::Kind::invalid };
    auto notes = read_elf_notes(descriptor, file);
    ::close(descriptor);
    if (!notes)
        return notes.error();

    const auto ours = std::ranges::find_if(
        *notes, [](const ElfNote& note) { return note.name == "nuncio" && note.type == 1; });
    if (ours == notes->end())
        return wrong(file,
            "has no nuncio note: it is not a plugin, or was built without "
            "NUNCIO_PLUGIN");
    auto note = parse_plugin_note(ours->description, file);
    if (!note)
        return note;
    const auto build = std::ranges::find_if(
        *notes, [](const ElfNote& other) { return other.name == "GNU" && other.type == 3; });
    if (build != notes->end())
        note->build_id = hexadecimal(std::string_view(build->description).substr(0, 32));
    return note;
}

Result<void> check_plugin_note(const PluginNote& note)
{
    if (note.abi != abi_number)
        return Error { note.file + ": built for nuncio-abi-" + std::to_string(note.abi)
                + ", this server has nuncio-abi-" + std::to_string(abi_number)
                + ": install the package of the plugin that fits this server",
            Error::Kind::refused };

    const auto mine = toolchain_fields(NUNCIO_DETAIL_TOOLCHAIN);
    const auto theirs = toolchain_fields(note.toolchain);
    const auto differs
        = [&](const std::string& field, const std::string& built, const std::string& here) {
              return Error { note.file + ": built with " + field + " \"" + built
                      + "\", this server has \"" + here + "\": " + std::string(advice(field)),
                  Error::Kind::refused };
          };
    for (const auto& [field, value] : mine) {
        const auto found = theirs.find(field);
        if (found == theirs.end())
            return differs(field, "", value);
        if (found->second != value)
            return differs(field, found->second, value);
    }
    for (const auto& [field, value] : theirs)
        if (!mine.contains(field))
            return differs(field, value, "");
    if (note.headers != library_headers())
        return differs("headers", note.headers, library_headers());
    return {};
}

}
