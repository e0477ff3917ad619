// One call of the compiler, with the flags of sdk/cmake/NuncioPlugin.cmake.
#include "build.h"

#include <nuncio/loop.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <iostream>
#include <spawn.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace nuncio::tool {

namespace fs = std::filesystem;

namespace {

    void add_words(std::vector<std::string>& to, const std::string& text)
    {
        std::istringstream in(text);
        for (std::string word; in >> word;)
            to.push_back(word);
    }

    std::string shown(const std::vector<std::string>& words)
    {
        std::string text;
        for (const std::string& word : words)
            text += (text.empty() ? "" : " ") + word;
        return text;
    }

    Result<int> run(const std::vector<std::string>& words)
    {
        std::vector<char*> arguments;
        for (const std::string& word : words)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        pid_t child = 0;
        if (const int failure
            = ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ))
            return Error { words[0] + ": " + std::strerror(failure)
                + ": install a compiler (Debian: g++), or name one in the variable CXX" };
        int status = 0;
        while (::waitpid(child, &status, 0) < 0)
            if (errno != EINTR)
                return Error { words[0] + ": " + std::strerror(errno) };
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    }

    bool is_clang(const std::string& compiler)
    {
        std::string said;
        if (FILE* const out = ::popen((compiler + " --version 2> /dev/null").c_str(), "r")) {
            char part[256];
            while (std::fgets(part, sizeof part, out))
                said += part;
            ::pclose(out);
        }
        return said.find("clang") != std::string::npos;
    }

    struct Sdk {
        fs::path headers, libraries;
    };

    /// The headers beside this program's folder, the library where it was loaded from.
    Result<Sdk> find_sdk(const std::string& prefix)
    {
        std::error_code failure;
        const fs::path program = fs::read_symlink("/proc/self/exe", failure).parent_path();
        const fs::path root = prefix.empty() ? program.parent_path() : fs::path(prefix);
        Sdk sdk { root / NUNCIO_INCLUDE_FOLDER, {} };
        Dl_info library {};
        if (::dladdr(reinterpret_cast<void*>(&process_uptime), &library) != 0)
            sdk.libraries = fs::path(library.dli_fname).parent_path();
        if (!fs::exists(sdk.headers / "nuncio" / "plugin.h", failure))
            return Error { "there are no headers of the SDK in " + sdk.headers.string()
                    + ": say where it is installed with --sdk PREFIX",
                Error::Kind::not_found };
        return sdk;
    }

}

Result<BuiltPlugin> build_plugin(const BuildOptions& options)
{
    for (const std::string& source : options.sources)
        if (::access(source.c_str(), R_OK) != 0)
            return Error { source + ": " + std::strerror(errno), Error::Kind::not_found };
    auto sdk = find_sdk(options.prefix);
    if (!sdk)
        return sdk.error();

    const char* const chosen = std::getenv("CXX");
    std::vector<std::string> words;
    add_words(words, chosen && *chosen ? chosen : "c++");
    const bool is_gnu = !is_clang(shown(words));
    add_words(words, "-std=c++20 -O2 -g -Wall -Wextra " NUNCIO_PLUGIN_COMPILE_FLAGS);
    if (is_gnu)
        add_words(words, NUNCIO_PLUGIN_GNU_FLAGS);
    words.push_back("-I" + sdk->headers.string());
    words.insert(words.end(), options.sources.begin(), options.sources.end());

    const fs::path output = options.output.empty()
        ? fs::path(fs::path(options.sources.front()).stem().string() + ".so")
        : fs::path(options.output);
    // A server that watches the folder must not see half a file.
    const fs::path unfinished = output.string() + ".new";
    add_words(words, "-shared " NUNCIO_PLUGIN_LINK_FLAGS);
    words.push_back("-o" + unfinished.string());
    words.push_back("-L" + sdk->libraries.string());
    words.emplace_back("-lnuncio");
    words.insert(words.end(), options.more_flags.begin(), options.more_flags.end());
    if (options.is_verbose)
        std::cerr << shown(words) << '\n';

    std::error_code failure;
    auto status = run(words);
    if (!status || *status != 0) {
        fs::remove(unfinished, failure);
        if (!status)
            return status.error();
        return Error { "the compiler said no, and why stands above; nothing was made\n"
                       "next: correct that"
            + std::string(options.is_verbose
                    ? ""
                    : ", or see the command with --verbose; flags that it lacks (-I, -l) go behind "
                      "--") };
    }
    fs::rename(unfinished, output, failure);
    if (failure)
        return Error { output.string() + ": " + failure.message() };
    const fs::path plugins = (sdk->libraries / "nuncio" / "plugins").lexically_normal();
    return BuiltPlugin { output.string(), fs::exists(plugins, failure) ? plugins.string() : "" };
}

}
