// Copying, mapping and unmapping a plugin's file.
#include "generation.h"

#include "plugin_copy.h"

#include <nuncio/note.h>

#include <dlfcn.h>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    /// From now on dlclose leaves the object alone.
    void keep_mapped(const std::string& path)
    {
        ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD | RTLD_NODELETE);
    }

}

bool is_resident(const std::string& path)
{
    void* const handle = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (handle)
        ::dlclose(handle);
    return handle != nullptr;
}

Generation::Generation(PluginNote note, std::string path, std::uint32_t number, Log& log)
    : note_(std::move(note))
    , path_(std::move(path))
    , number_(number)
    , log_(log)
{
}

Result<std::shared_ptr<Generation>> Generation::open(
    const std::string& source, const std::string& folder, Log& log)
{
    auto found = read_plugin_note(source);
    if (!found)
        return found.error();
    auto copy = copy_plugin(*found, folder);
    if (!copy)
        return copy.error();

    // The file may have been replaced since: what counts is the note of what will be mapped.
    auto note = read_plugin_note(copy->path);
    Result<void> usable = note ? Result<void>() : note.error();
    if (usable) {
        note->file = source;
        usable = check_plugin_note(*note);
    }
    if (usable && note->name != found->name)
        usable = Error { source + ": was replaced while it was copied: try again",
            Error::Kind::unavailable };
    if (!usable) {
        ::unlink(copy->path.c_str());
        return usable.error();
    }

    std::shared_ptr<Generation> made( // shared: by its instances on all hosts
        new Generation(std::move(*note), std::move(copy->path), copy->number, log));
    if (auto mapped = made->map(); !mapped)
        return mapped.error();
    return made;
}

Result<void> Generation::map()
{
    try {
        // now: a symbol that is missing shall fail here and not at night. local: a plugin's
        // symbols are no business of another's.
        library_.load(path_, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    } catch (const std::exception& failure) {
        return Error { note_.file + ": cannot be mapped: " + failure.what(), Error::Kind::invalid };
    }
    if (!is_unmapped_at_end)
        keep_mapped(path_);
    if (!library_.has("nuncio_plugin"))
        return Error { note_.file
                + ": has a note but does not export its descriptor: was it "
                  "linked with a version script that hides nuncio_plugin?",
            Error::Kind::invalid };
    descriptor_ = &library_.get<const Descriptor>("nuncio_plugin");
    if (descriptor_->abi != abi_number || !descriptor_->make || !descriptor_->schema) {
        descriptor_ = nullptr;
        return Error { note_.file + ": its descriptor and its note disagree: rebuild it",
            Error::Kind::invalid };
    }
    return {};
}

Generation::~Generation()
{
    if (library_.is_loaded())
        library_.unload();
    if (!is_resident(path_)) {
        ::unlink(path_.c_str());
        return;
    }
    // Costs memory, not correctness: every generation has a path and statics of its own.
    if (is_unmapped_at_end)
        log_.warn("the code of {} {} (generation {}) stays mapped until the server ends: it has "
                  "unique symbols, thread_local destructors or a library that does not unload",
            note_.name, note_.version, number_);
}

}
