// What a configuration check must know of plugins: which there are, and what they can be told.
#pragma once

#include <nuncio/result.h>
#include <nuncio/schema.h>

#include <memory>
#include <string>
#include <vector>

namespace nuncio::kernel {

class PluginCatalog {
public:
    virtual ~PluginCatalog() = default;

    /// Looks into these folders from now on, and their `auth-backends` siblings.
    virtual void search(const std::vector<std::string>& path) = 0;
    /// Valid until the next question about the same plugin. An error of kind not_found means that
    /// there is no such plugin.
    virtual Result<const Schema*> schema(const std::string& name) = 0;
    virtual std::vector<std::string> names() = 0;
    /// The one-line summary of a plugin, or empty.
    virtual std::string summary(const std::string& name) = 0;
    /// It provides auth/1: its options alone do not enable it.
    virtual bool is_auth_backend(const std::string& name) = 0;
};

/// Opens copies of plugins' files when their notes are accepted, and closes them with the catalog:
/// the files may be replaced or overwritten meanwhile, as those of a running server.
std::unique_ptr<PluginCatalog> make_plugin_catalog();

}
