// The search path, and the generations that came from it.
#include "plugin_files.h"

#include "word_list.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    /// Bounds what a folder full of files can cost.
    constexpr std::size_t most_files = 4096;

    std::vector<std::string> with_auth_backends(const std::vector<std::string>& path)
    {
        std::vector<std::string> folders;
        for (const std::string& folder : path) {
            auto clean = std::filesystem::absolute(folder).lexically_normal();
            if (!clean.has_filename())
                clean = clean.parent_path();
            for (const auto& each : { clean, clean.parent_path() / "auth-backends" })
                if (std::ranges::find(folders, each.string()) == folders.end())
                    folders.push_back(each.string());
        }
        return folders;
    }

    bool may_be_name(const std::string& name)
    {
        return !name.empty() && name.find('/') == name.npos && name.front() != '.';
    }

}

PluginFiles::PluginFiles(std::vector<std::string> path, std::string folder, Log& log)
    : folders_(with_auth_backends(path))
    , folder_(std::move(folder))
    , is_temporary_(folder_.empty())
    , log_(log)
{
}

PluginFiles::~PluginFiles()
{
    in_use_.clear();
    if (!is_prepared_)
        return;
    if (is_temporary_) {
        // With what is still mapped: nobody sweeps a folder of this name again.
        std::error_code failure;
        std::filesystem::remove_all(folder_, failure);
    } else {
        sweep_plugin_folder(folder_);
    }
}

Result<void> PluginFiles::make_temporary()
{
    std::error_code failure;
    const auto usual = std::filesystem::temp_directory_path(failure).string();
    Result<void> made;
    // Where /tmp may not hold code, /var/tmp often may.
    for (const std::string& parent : { usual, std::string("/var/tmp") }) {
        folder_ = parent + "/nuncio-XXXXXX";
        if (!::mkdtemp(folder_.data())) {
            made = Error { folder_ + ": " + std::strerror(errno), Error::Kind::unavailable };
            continue;
        }
        made = prepare_plugin_folder(folder_);
        if (made)
            return made;
        ::rmdir(folder_.c_str());
    }
    return made;
}

Result<void> PluginFiles::prepare()
{
    if (is_prepared_)
        return {};
    if (!is_temporary_)
        folder_ = std::filesystem::absolute(folder_).string(); // the dynamic linker wants no other
    auto prepared = is_temporary_ ? make_temporary() : prepare_plugin_folder(folder_);
    is_prepared_ = bool(prepared);
    return prepared;
}

Result<PluginNote> PluginFiles::find(const std::string& name) const
{
    if (!may_be_name(name))
        return Error { "\"" + name + "\" is no plugin's name" };
    for (const std::string& folder : folders_) {
        const std::string file = folder + '/' + name + ".so";
        if (::access(file.c_str(), F_OK) != 0)
            continue;
        auto note = read_plugin_note(file);
        if (note && note->name != name)
            return Error { file + ": is the plugin \"" + note->name + "\": rename it to "
                + note->name + ".so" };
        return note;
    }
    return Error { "there is no plugin " + name + " in " + listed(folders_),
        Error::Kind::not_found };
}

std::vector<PluginNote> PluginFiles::available() const
{
    std::map<std::string, PluginNote> found;
    std::size_t seen = 0;
    for (const std::string& folder : folders_) {
        std::error_code failure;
        for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
            if (entry.path().extension() != ".so" || ++seen > most_files)
                continue;
            auto note = read_plugin_note(entry.path().string());
            if (note && note->name == entry.path().stem().string())
                found.try_emplace(note->name, std::move(*note));
        }
    }
    std::vector<PluginNote> notes;
    for (auto& [name, note] : found)
        notes.push_back(std::move(note));
    return notes;
}

Result<std::shared_ptr<Generation>> PluginFiles::open(const std::string& name)
{
    const auto known = in_use_.find(name);
    const bool has_instances = known != in_use_.end() && known->second.use_count() > 1;
    if (has_instances)
        return known->second;
    auto note = find(name);
    if (!note)
        return note.error();
    if (known != in_use_.end()) {
        const PluginNote& before = known->second->note();
        if (!note->build_id.empty() && note->build_id == before.build_id
            && note->file == before.file)
            return known->second;
        in_use_.erase(known);
    }
    auto opened = open_file(*note);
    if (opened)
        in_use_[name] = *opened;
    return opened;
}

Result<std::shared_ptr<Generation>> PluginFiles::open_file(const PluginNote& note)
{
    // Before anything is copied: a plugin that does not fit costs nothing.
    if (auto checked = check_plugin_note(note); !checked)
        return checked.error();
    if (auto prepared = prepare(); !prepared)
        return prepared.error();
    auto opened = Generation::open(note.file, folder_, log_);
    if (opened) {
        // A path is taken again only when the linker has let go of it.
        std::erase_if(mapped_, [&](const Mapped& copy) {
            return copy.path == (*opened)->path()
                || (copy.generation.expired() && !is_resident(copy.path));
        });
        mapped_.push_back({ note.name, (*opened)->path(), *opened });
    }
    return opened;
}

std::size_t PluginFiles::resident(const std::string& name)
{
    if (!Generation::is_unmapped_at_end)
        return 0;
    return static_cast<std::size_t>(std::ranges::count_if(mapped_, [&](const Mapped& copy) {
        return copy.name == name && copy.generation.expired() && is_resident(copy.path);
    }));
}

Result<std::shared_ptr<Generation>> PluginFiles::open_anew(const std::string& name)
{
    const auto note = find(name);
    if (!note)
        return note.error();
    return open_file(*note);
}

void PluginFiles::use(std::shared_ptr<Generation> generation)
{
    const std::string name = generation->note().name;
    in_use_[name] = std::move(generation);
}

Result<const Schema*> PluginFiles::schema(const std::string& name)
{
    auto generation = open(name);
    if (!generation)
        return generation.error();
    return &(*generation)->descriptor().schema();
}

void PluginFiles::forget(const std::string& name)
{
    in_use_.erase(name);
}

void PluginFiles::forget_unused()
{
    std::erase_if(in_use_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

}
