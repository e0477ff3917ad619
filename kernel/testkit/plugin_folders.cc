// Everything is found from where this program and libnuncio lie, so that a package may be anywhere.
#include "plugin_folders.h"

#include <nuncio/loop.h>

#include <algorithm>
#include <dlfcn.h>
#include <filesystem>

namespace nuncio::test {

namespace fs = std::filesystem;

namespace {

    fs::path library_folder()
    {
        Dl_info library {};
        if (::dladdr(reinterpret_cast<void*>(&process_uptime), &library) == 0 || !library.dli_fname)
            return {};
        std::error_code failure;
        return fs::canonical(library.dli_fname, failure).parent_path();
    }

}

std::vector<std::string> plugin_folders()
{
    std::error_code failure;
    const fs::path program = fs::read_symlink("/proc/self/exe", failure).parent_path();
    const fs::path library = library_folder();
    std::vector<std::string> folders;
    for (const fs::path& folder :
        { program.parent_path() / "plugins", library / "nuncio" / "testkit" / "plugins",
            library.parent_path() / "plugins", library / "nuncio" / "plugins" })
        if (fs::is_directory(folder, failure)
            && std::ranges::find(folders, folder.string()) == folders.end())
            folders.push_back(folder.string());
    return folders;
}

}
