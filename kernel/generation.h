// One mapped copy of a plugin's code. Each load makes a new one, so that two may live side by side.
#pragma once

#include "plugin_note.h"

#include <nuncio/log.h>
#include <nuncio/note.h>
#include <nuncio/plugin.h>

#include <boost/dll/shared_library.hpp>
#include <cstdint>
#include <memory>
#include <string>

namespace nuncio::kernel {

/// The server's own folder for copies of plugins: mode 0700, on a file system that may be mapped as
/// code. Leftovers of an earlier run are swept when it is prepared.
Result<void> prepare_plugin_folder(const std::string& folder);
/// Removes the copies in it that are not mapped.
void sweep_plugin_folder(const std::string& folder);

class Generation {
public:
    /// Sanitizers name functions by what is mapped when the process ends, and keep pointers into
    /// the object.
    static constexpr bool is_unmapped_at_end = !NUNCIO_DETAIL_HAS_ASAN && !NUNCIO_DETAIL_HAS_TSAN;

    /// Copies `source` into `folder`, reads and checks the note of the copy, maps it and checks its
    /// descriptor. Nothing of the plugin runs before its note was accepted. A failure leaves
    /// nothing behind. Copying is what makes it safe: the source may be replaced or overwritten at
    /// any time, and the dynamic linker takes an equal path or inode for the same library.
    static Result<std::shared_ptr<Generation>> open(
        const std::string& source, const std::string& folder, Log& log);

    /// Main thread, on an empty stack: no code of the plugin may be running or waiting anywhere.
    ~Generation();
    Generation(const Generation&) = delete;
    Generation& operator=(const Generation&) = delete;

    /// `file` is where it was found.
    const PluginNote& note() const { return note_; }
    const Descriptor& descriptor() const { return *descriptor_; }
    /// The copy's path.
    const std::string& path() const { return path_; }
    /// Counts the copies of this plugin in this process, from 1.
    std::uint32_t number() const { return number_; }

private:
    Generation(PluginNote note, std::string path, std::uint32_t number, Log& log);
    Result<void> map();

    PluginNote note_;
    std::string path_;
    std::uint32_t number_;
    Log& log_;
    boost::dll::shared_library library_;
    const Descriptor* descriptor_ = nullptr;
};

/// Whether the dynamic linker still has the object at `path`. The answer of dlclose does not say.
bool is_resident(const std::string& path);

}
