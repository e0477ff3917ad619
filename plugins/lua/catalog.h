// The scripts of one host: found, loaded for every loop, counted.
#pragma once

#include "policies.h"
#include "settings.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace nuncio::lua {

/// Main thread.
class Catalog {
public:
    Catalog(Common& common, const Settings& settings)
        : common_(common)
        , settings_(settings)
    {
    }

    using Generation = std::vector<std::shared_ptr<Policies>>; ///< by loop

    /// Loads all enabled scripts for all loops. The first that cannot be loaded is the error.
    Result<Generation> build();
    /// Only this text, for a trial: its verdicts are told to `observer`.
    Result<Generation> build_trial(
        const std::string& name, const std::string& text, const Observer& observer);

    Library library() const { return Library(settings_.folder, settings_.script_bytes.count); }
    /// By name, of the scripts that are enabled.
    const std::map<std::string, std::shared_ptr<Record>>& records() const { return records_; }
    void forgive();

private:
    Result<std::unique_ptr<Script>> load(
        const std::string& name, const std::string& text, Library& library, Policies& world) const;

    Common& common_;
    const Settings& settings_;
    std::map<std::string, std::shared_ptr<Record>> records_; // shared: with the states
};

}
