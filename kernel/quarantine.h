// Plugins that are kept out, because they stalled, failed or crashed too often, until somebody
// releases them.
#pragma once

#include "settings.h"

#include <nuncio/log.h>
#include <nuncio/result.h>
#include <nuncio/value.h>

#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

/// Main thread. Kept in a file, so that a restart does not forget.
class Quarantine {
public:
    struct Entry {
        std::string plugin;
        std::string host; ///< empty: on all of them
        std::string reason;
    };

    /// Empty: not kept.
    explicit Quarantine(std::string file);
    /// What an earlier run left. A file that cannot be read keeps nobody out.
    Result<void> load();

    /// Why the plugin may not run on this host, or null. Valid until the next change.
    const Entry* find(std::string_view plugin, std::string_view host) const;
    const std::vector<Entry>& entries() const { return entries_; }

    /// An error: it holds for this run only.
    Result<void> add(Entry entry);
    /// How many entries are gone; 0: it was not kept out.
    Result<std::size_t> release(std::string_view plugin);

private:
    Result<void> save() const;

    std::string file_;
    std::vector<Entry> entries_;
};

/// At start, before plugins are loaded: reads who is kept out, adds who has brought the server
/// down several times in a short while, and tells.
void judge_crashes(const Settings& settings, Quarantine& quarantine, Log& log);

}
