// Tells when files in the plugins' folders were put there, replaced or removed.
#pragma once

#include <nuncio/function.h>
#include <nuncio/loop.h>
#include <nuncio/result.h>

#include <memory>
#include <string>
#include <vector>

namespace nuncio::kernel {

class KernelLoop;

/// On one loop with a real clock; made and destroyed on its thread, or before it runs.
class PluginWatch {
public:
    /// A package manager writes for a while, and half a file is no plugin: `changed` comes once
    /// nothing has happened for this long.
    static constexpr Duration settle_time = 500ms;

    /// Watches those of `folders` that exist; an error when none does.
    static Result<std::unique_ptr<PluginWatch>> open(
        KernelLoop& loop, const std::vector<std::string>& folders, Function<void()> changed);
    ~PluginWatch();
    PluginWatch(const PluginWatch&) = delete;
    PluginWatch& operator=(const PluginWatch&) = delete;

private:
    struct Folder;
    PluginWatch(KernelLoop& loop, Function<void()> changed);
    void something_happened();

    KernelLoop& loop_;
    Function<void()> changed_;
    std::vector<Folder*> folders_; // each frees itself when libuv has let go of it
    Timer settled_;
};

}
