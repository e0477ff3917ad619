// Looks at a plugin as the dynamic linker would. Only the libraries that it needs are opened.
#include "check.h"

#include "elf_dynamic.h"

#include <nuncio/note.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <unistd.h>

namespace nuncio::tool {

namespace {

    using Weight = Finding::Weight;

    constexpr const char* build_it
        = "build it with nuncio_add_plugin() or `nuncio-plugin build`, which give the flags";
    constexpr std::size_t most_names = 5; // of a list in one finding

    std::string readable(const std::string& symbol)
    {
        int status = 0;
        const std::unique_ptr<char, decltype(&std::free)> name(
            abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
        return status == 0 && name ? std::string(name.get()) : symbol;
    }

    std::string listed(const std::vector<std::string>& symbols)
    {
        std::string text;
        for (std::size_t i = 0; i < symbols.size() && i < most_names; ++i)
            text += (i ? ", " : "") + readable(symbols[i]);
        if (symbols.size() > most_names)
            text += " and " + std::to_string(symbols.size() - most_names) + " more";
        return text;
    }

    template <class Test>
    std::vector<std::string> names_where(const kernel::ElfDynamic& object, Test test)
    {
        std::vector<std::string> names;
        for (const kernel::ElfSymbol& symbol : object.symbols)
            if (test(symbol))
                names.push_back(symbol.name);
        return names;
    }

    void check_flags(const kernel::ElfDynamic& object, Findings& findings)
    {
        const auto fails
            = [&](bool is_wrong, const std::string& what, const std::string& next = build_it) {
                  if (is_wrong)
                      findings.push_back({ Weight::failure, what, next });
              };
        fails(!object.soname.empty(),
            "it has the SONAME " + object.soname
                + ": the dynamic linker would take two generations for the same library");
        fails(
            !object.binds_now, "it is bound lazily: a missing function would be found at the call");
        fails(object.is_never_unloaded, "it is marked NODELETE: no generation would ever go",
            "leave out -Wl,-z,nodelete");
        fails(object.has_text_relocations, "its code has text relocations",
            "compile everything in it with -fPIC, static libraries too");
        fails(object.has_executable_stack, "it asks for an executable stack",
            "add .note.GNU-stack to its assembler sources, or link with -Wl,-z,noexecstack");
        fails(object.run_path.find("$ORIGIN") != std::string::npos,
            "its RUNPATH " + object.run_path
                + " is relative to the file, but the server maps copies that lie elsewhere",
            "link without a RUNPATH (CMake: INSTALL_RPATH \"\"), or with an absolute one");
    }

    void check_exports(const kernel::ElfDynamic& object, Findings& findings)
    {
        const auto unique
            = names_where(object, [](const auto& symbol) { return symbol.is_unique; });
        if (!unique.empty())
            findings.push_back({ Weight::failure,
                "it has symbols that are unique in the process, which two generations would share, "
                "and which keep it mapped for ever: "
                    + listed(unique),
                "compile with -fno-gnu-unique; " + std::string(build_it) });
        // The standard library's templates are visible whatever the flags say, but weak.
        const auto exported = names_where(object, [](const auto& symbol) {
            return symbol.is_defined && !symbol.is_weak && !symbol.is_unique
                && symbol.name != "nuncio_plugin" && symbol.name != "_init"
                && symbol.name != "_fini" && !symbol.name.starts_with("__asan_")
                && !symbol.name.starts_with("__odr_asan");
        });
        if (!exported.empty())
            findings.push_back(
                { Weight::failure, "it exports more than its descriptor: " + listed(exported),
                    "compile with -fvisibility=hidden; " + std::string(build_it) });
        if (names_where(object, [](const auto& symbol) {
                return symbol.is_defined && symbol.name == "nuncio_plugin";
            }).empty())
            findings.push_back({ Weight::failure, "it exports no descriptor (nuncio_plugin)",
                "put NUNCIO_PLUGIN(…) into one of its sources" });
        if (!names_where(object, [](const auto& symbol) {
                return symbol.name.starts_with("__cxa_thread_atexit");
            }).empty())
            findings.push_back({ Weight::warning,
                "it has a thread_local with a destructor, which keeps a generation mapped until "
                "its "
                "threads have ended",
                "keep what belongs to a session or account in a slot" });
    }

    /// Symbols that neither libnuncio nor the other libraries it names define.
    void check_imports(const kernel::ElfDynamic& object, Findings& findings)
    {
        const std::string library = "libnuncio.so." + std::to_string(abi_number);
        if (std::ranges::find(object.needed, library) == object.needed.end())
            findings.push_back({ Weight::failure, "it is not linked with " + library, build_it });

        struct Close {
            void operator()(void* handle) const { ::dlclose(handle); }
        };
        std::vector<std::unique_ptr<void, Close>> libraries;
        for (const std::string& name : object.needed) {
            if (void* const handle = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL)) {
                libraries.emplace_back(handle);
                continue;
            }
            const char* const said = ::dlerror();
            findings.push_back({ Weight::failure,
                "it needs " + name
                    + ", which cannot be loaded: " + (said ? said : "no reason given"),
                "install the package that has it" });
        }
        const auto missing = names_where(object, [&](const kernel::ElfSymbol& symbol) {
            if (symbol.is_defined || symbol.is_weak)
                return false;
            const char* const name = symbol.name.c_str();
            // A sanitizer's run time is in the program, when it is not a library of its own.
            if ((NUNCIO_DETAIL_HAS_ASAN || NUNCIO_DETAIL_HAS_TSAN) && ::dlsym(RTLD_DEFAULT, name))
                return false;
            return std::ranges::none_of(libraries,
                [name](const auto& handle) { return ::dlsym(handle.get(), name) != nullptr; });
        });
        if (!missing.empty())
            findings.push_back(
                { Weight::failure, "nobody defines what it calls: " + listed(missing),
                    "link the library that does (LIBRARIES of nuncio_add_plugin())" });
    }

    void check_note(const kernel::PluginNote& note, Findings& findings)
    {
        if (auto fits = kernel::check_plugin_note(note); !fits)
            findings.push_back({ Weight::failure, fits.error().text, "" });
        const auto stem = std::filesystem::path(note.file).stem().string();
        if (stem != note.name)
            findings.push_back({ Weight::failure,
                "it is the plugin " + note.name + ", which the server looks for in " + note.name
                    + ".so",
                "rename the file, or name it " + stem + " in NUNCIO_PLUGIN" });
        if (note.build_id.empty())
            findings.push_back({ Weight::failure,
                "it has no build id, so `nuncioctl plugin refresh` cannot tell it from another "
                "build",
                "link with -Wl,--build-id" });
    }

}

Checked check_file(const std::string& file)
{
    Checked checked;
    auto note = kernel::read_plugin_note(file);
    if (!note) {
        checked.findings.push_back({ Weight::failure, note.error().text, "" });
        return checked;
    }
    check_note(*note, checked.findings);
    checked.note = std::move(*note);

    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        checked.findings.push_back({ Weight::failure, std::strerror(errno), "" });
        return checked;
    }
    auto object = kernel::read_elf_dynamic(descriptor, file);
    ::close(descriptor);
    if (!object) {
        checked.findings.push_back({ Weight::failure, object.error().text, "" });
        return checked;
    }
    check_flags(*object, checked.findings);
    check_exports(*object, checked.findings);
    check_imports(*object, checked.findings);
    return checked;
}

}
