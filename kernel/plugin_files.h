// Where plugins are found, and the one generation of each that is in use.
#pragma once

#include "generation.h"
#include "plugin_note.h"

#include <nuncio/schema.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::kernel {

/// Main thread only. Usable without a server, so that `--check` knows the plugins' options.
class PluginFiles {
public:
    /// `folder` takes the copies; empty: a private temporary one, removed at the end.
    PluginFiles(std::vector<std::string> path, std::string folder, Log& log);
    ~PluginFiles();
    PluginFiles(const PluginFiles&) = delete;
    PluginFiles& operator=(const PluginFiles&) = delete;

    /// The file of a plugin by name, from the search path and the auth-backends folder beside each.
    Result<PluginNote> find(const std::string& name) const;
    /// All with a note that can be read, by name; the first found of a name counts.
    std::vector<PluginNote> available() const;

    /// The generation in use, or, while no instance is made of it, one of the file on disk.
    Result<std::shared_ptr<Generation>> open(const std::string& name);
    /// A new generation of the file on disk, whatever is in use; use() makes it that.
    Result<std::shared_ptr<Generation>> open_anew(const std::string& name);
    void use(std::shared_ptr<Generation> generation);
    /// The options of a plugin. Valid until the next call about the same plugin.
    Result<const Schema*> schema(const std::string& name);
    /// The next open() takes the file on disk again.
    void forget(const std::string& name);
    /// Former generations of the plugin whose code the dynamic linker does not let go.
    std::size_t resident(const std::string& name);
    const std::vector<std::string>& folders() const { return folders_; }
    /// Lets go of what was opened for its options only.
    void forget_unused();

private:
    Result<void> prepare();
    Result<std::shared_ptr<Generation>> open_file(const PluginNote& note);
    Result<void> make_temporary();

    std::vector<std::string> folders_;
    std::string folder_;
    bool is_temporary_;
    bool is_prepared_ = false;
    Log& log_;
    std::map<std::string, std::shared_ptr<Generation>> in_use_; // shared: with instances
    /// Copies that were mapped, until they are known to be gone.
    struct Mapped {
        std::string name, path;
        std::weak_ptr<Generation> generation;
    };
    std::vector<Mapped> mapped_;
};

}
