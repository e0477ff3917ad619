// nuncio-plugin: makes, builds and checks plugins.
#include "build.h"
#include "check.h"
#include "completion.h"
#include "scaffold.h"
#include "torture.h"

#include <nuncio/abi.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <iterator>

namespace {

using namespace nuncio;
using namespace nuncio::tool;

enum Exit { done = 0, failed = 1 };

Exit complain(const Error& error)
{
    std::cerr << "nuncio-plugin: " << error.text << '\n';
    return failed;
}

Exit make(const std::string& name, const std::string& where)
{
    auto folder = make_scaffold(name, where);
    if (!folder)
        return complain(folder.error());
    std::cout << "made " << *folder << "\nnext: cmake -S " << *folder << " -B " << *folder
              << "/build && cmake --build " << *folder << "/build && ctest --test-dir " << *folder
              << "/build\n";
    return done;
}

Exit check(const std::vector<std::string>& files, const TortureOptions& options)
{
    bool is_good = true;
    for (const std::string& file : files) {
        Checked checked = check_file(file);
        std::string tortured;
        if (options.rounds > 0 && !has_failure(checked.findings)) {
            auto result = torture(*checked.note, options);
            if (!result.summary.empty())
                tortured = file + ": " + result.summary + '\n';
            checked.findings.insert(
                checked.findings.end(), result.findings.begin(), result.findings.end());
        }
        std::cerr << describe(file, checked.findings);
        std::cout << tortured;
        if (has_failure(checked.findings))
            is_good = false;
        else
            std::cout << file << ": plugin " << checked.note->name << ' ' << checked.note->version
                      << ", nuncio-abi-" << checked.note->abi << ", good\n";
    }
    return is_good ? done : failed;
}

Exit build(const BuildOptions& options)
{
    const auto built = build_plugin(options);
    if (!built)
        return complain(built.error());
    std::cout << "made " << built->file << '\n';
    if (check({ built->file }, {}) == failed)
        return failed;
    const auto note = kernel::read_plugin_note(built->file);
    const std::string name = note ? note->name : std::string();
    const std::string to
        = built->plugins.empty() ? "\"$(pkg-config --variable=plugindir nuncio)\"" : built->plugins;
    std::cout << "next: nuncio-plugin check --torture 200 " << built->file << "\n      cp "
              << built->file << ' ' << to << " && nuncioctl plugin load " << name
              << "    (`plugin reload` when it is loaded already)\n";
    return done;
}

}

int main(int count, char** arguments)
{
    CLI::App app { "Makes, builds and checks plugins for nuncio." };
    app.set_version_flag("--version",
        std::string("nuncio-plugin ") + sdk_version + ", nuncio-abi-" + std::to_string(abi_number));
    app.require_subcommand(1);
    app.footer("The manual page nuncio-plugin(1) says more.");

    std::string name, where;
    auto* const making = app.add_subcommand("new", "make a plugin to start from, with its test");
    making->add_option("NAME", name, "what it is called")->required();
    making->add_option("--in", where, "the folder to make it in (default: this one)");

    BuildOptions options;
    auto* const building
        = app.add_subcommand("build", "build a plugin from sources, without a build system");
    building->add_option("SOURCE", options.sources, "C++ sources; the first one names the plugin")
        ->required();
    building->add_option("-o,--output", options.output, "the file to make (default: NAME.so here)");
    building->add_option("--sdk", options.prefix, "where the SDK is installed");
    building->add_flag("-v,--verbose", options.is_verbose, "show the command");
    building->footer("CXX names the compiler. More flags for it follow after --.");

    std::vector<std::string> files;
    TortureOptions torture_options;
    auto* const checking = app.add_subcommand(
        "check", "tell whether files are plugins that the server can load, replace and let go");
    checking->add_option("FILE", files, "plugins")->required();
    checking
        ->add_option("--torture", torture_options.rounds,
            "serve and reload it so many times, with faults; runs its code")
        ->check(CLI::Range(1, 100000));
    checking
        ->add_option("--plugins", torture_options.plugin_folders,
            "a folder with the plugins that it requires")
        ->take_all()
        ->expected(1);

    std::string options_file;
    checking->add_option(
        "--options", options_file, "a file with its options, as in its table in conf.d");

    std::string shell;
    auto* const completing = app.add_subcommand("completion", "print a completion script");
    completing->add_option("SHELL", shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({ "bash", "zsh", "fish" }));

    // What follows -- is the compiler's.
    int ours = 1;
    while (ours < count && std::string_view(arguments[ours]) != "--")
        ++ours;
    for (int i = ours + 1; i < count; ++i)
        options.more_flags.emplace_back(arguments[i]);
    CLI11_PARSE(app, ours, arguments);

    if (*making)
        return make(name, where);
    if (*building)
        return build(options);
    if (*checking) {
        if (!options_file.empty()) {
            std::ifstream in(options_file);
            torture_options.plugin_toml.assign(std::istreambuf_iterator<char>(in), {});
            torture_options.plugin_toml += '\n';
            if (!in)
                return complain({ options_file + ": cannot be read" });
        }
        return check(files, torture_options);
    }
    std::cout << completion_script(shell);
    return done;
}
