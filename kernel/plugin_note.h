// A plugin's note: what is known of it before any of its code runs.
#pragma once

#include <nuncio/result.h>

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

/// What a plugin's note says, read as data.
struct PluginNote {
    std::string file;
    int abi = 0;
    std::string headers; ///< see library_headers(); empty in notes that are older than the field
    std::string toolchain;
    std::string name;
    std::string version;
    std::string summary;
    std::vector<std::string> provides;
    std::vector<std::string> requires_;
    std::vector<std::string> after;
    std::string build_id; ///< lower-case hexadecimal; empty when the file has none
};

/// Reads `.note.nuncio` of an ELF file without mapping it as code. Errors say what is wrong with
/// the file.
Result<PluginNote> read_plugin_note(const std::string& file);
/// Compares a note with this server; the error names the field that differs, both values, and what
/// to do.
Result<void> check_plugin_note(const PluginNote& note);

/// The text of a note, as NUNCIO_PLUGIN writes it; `file` names it in errors.
Result<PluginNote> parse_plugin_note(std::string_view text, const std::string& file);

}
