#include "plugin_watch.h"

#include "loop.h"

#include <sys/stat.h>
#include <uv.h>

namespace nuncio::kernel {

struct PluginWatch::Folder {
    uv_fs_event_t event {};
    PluginWatch* watch = nullptr;

    static void happened(uv_fs_event_t* event, const char*, int, int)
    {
        auto& folder = *static_cast<Folder*>(event->data);
        folder.watch->loop_.io_happened();
        folder.watch->something_happened();
    }
};

PluginWatch::PluginWatch(KernelLoop& loop, Function<void()> changed)
    : loop_(loop)
    , changed_(std::move(changed))
{
}

PluginWatch::~PluginWatch()
{
    for (Folder* folder : folders_)
        uv_close(reinterpret_cast<uv_handle_t*>(&folder->event),
            [](uv_handle_t* handle) { delete static_cast<Folder*>(handle->data); });
}

Result<std::unique_ptr<PluginWatch>> PluginWatch::open(
    KernelLoop& loop, const std::vector<std::string>& folders, Function<void()> changed)
{
    std::unique_ptr<PluginWatch> watch(new PluginWatch(loop, std::move(changed)));
    std::string missing;
    for (const std::string& path : folders) {
        struct stat status { };
        if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
            missing += (missing.empty() ? "" : ", ") + path;
            continue;
        }
        auto folder = std::make_unique<Folder>();
        folder->watch = watch.get();
        folder->event.data = folder.get();
        if (const int failure = uv_fs_event_init(loop.uv(), &folder->event); failure != 0)
            return Error { path + ": cannot be watched: " + uv_strerror(failure),
                Error::Kind::unavailable };
        watch->folders_.push_back(folder.release()); // from here on libuv has it
        const int failure
            = uv_fs_event_start(&watch->folders_.back()->event, &Folder::happened, path.c_str(), 0);
        if (failure != 0)
            return Error { path + ": cannot be watched: " + uv_strerror(failure),
                Error::Kind::unavailable };
    }
    if (watch->folders_.empty())
        return Error { "there is no folder of plugins to watch: " + missing,
            Error::Kind::not_found };
    return watch;
}

void PluginWatch::something_happened()
{
    settled_ = loop_.after(settle_time, [this] { changed_(); });
}

}
