// nunciod: reads the configuration, starts the server, and waits for its end.
#include "c2s.h"
#include "config_reader.h"
#include "crash_record.h"
#include "load_certificates.h"
#include "log_sink.h"
#include "options_reference.h"
#include "process.h"
#include "server.h"

#include <nuncio/note.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <sys/stat.h>

namespace {

using namespace nuncio;
using namespace nuncio::kernel;

struct Arguments {
    ConfigSource source;
    bool only_check = false;
    bool describe_options = false;
    bool as_markdown = false;
};

/// A server that runs from its build folder finds the plugins that were built with it.
std::vector<std::string> plugins_beside_the_program()
{
    namespace fs = std::filesystem;
    std::error_code failure;
    const auto program = fs::read_symlink("/proc/self/exe", failure);
    const auto folder = program.parent_path().parent_path() / "plugins";
    if (failure || !fs::is_directory(folder, failure))
        return {};
    return { folder.string() };
}

int fail(const std::string& text)
{
    std::fprintf(stderr, "nunciod: %s\n", text.c_str());
    return 1;
}

int describe_options(const Arguments& arguments)
{
    const auto catalog = make_plugin_catalog();
    catalog->search(arguments.source.plugin_path.empty()
            ? std::vector<std::string> { NUNCIO_PLUGIN_FOLDER }
            : arguments.source.plugin_path);
    const auto format = arguments.as_markdown ? ReferenceFormat::markdown : ReferenceFormat::text;
    std::fputs(options_reference(*catalog, format).c_str(), stdout);
    return 0;
}

int check(const Settings& settings)
{
    if (const auto loaded = load_certificates(settings); !loaded)
        return fail(loaded.error().text);
    std::size_t plugins = 0;
    for (const HostSettings& host : settings.hosts)
        plugins += host.plugins.size();
    std::printf("configuration is good: %zu hosts, %zu plugins\n", settings.hosts.size(), plugins);
    return 0;
}

/// `nuncio is ready: c2s 5222 (starttls), 5223 (direct tls)`.
std::string ready_line(Server& server)
{
    std::string text = "nuncio is ready:";
    const auto ports = server.c2s().ports();
    const auto& listen = server.settings().listen;
    for (std::size_t i = 0; i < ports.size() && i < listen.size(); ++i) {
        using Tls = ListenSettings::Tls;
        text += (i == 0 ? " " : ", ") + listen[i].kind + ' ' + std::to_string(ports[i]);
        text += listen[i].tls == Tls::starttls ? " (starttls)"
            : listen[i].tls == Tls::direct     ? " (direct tls)"
                                               : " (without tls)";
    }
    return text;
}

int serve(Settings settings)
{
    raise_file_limit();
    ::umask(0027);
    if (auto made = make_folders(settings); !made)
        return fail(made.error().text);
    if (auto dropped = drop_privileges(settings); !dropped)
        return fail(dropped.error().text);
    const auto lock = DataLock::create(settings);
    if (!lock)
        return fail(lock.error().text);
    auto logs = LogSink::create(settings.log);
    if (!logs)
        return fail(logs.error().text);

    const SignalStack signal_stack; // the main thread's
    if (auto recorded = record_crashes(settings.data_dir); !recorded)
        return fail(recorded.error().text);
    Server server(std::move(settings), **logs, {});
    auto signals = Signals::create(server);
    if (!signals)
        return fail(signals.error().text);
    if (auto started = server.start(); !started) {
        (*logs)->flush();
        return fail(started.error().text);
    }
    std::printf("%s\n", ready_line(server).c_str());
    std::fflush(stdout);
    notify_service_manager("READY=1");
    server.run();
    return 0;
}

}

int main(int argc, char** argv)
{
    Arguments arguments;
    arguments.source.folder = NUNCIO_CONF_FOLDER;
    CLI::App app("nunciod, the XMPP server.");
    app.set_version_flag("--version", std::string("nunciod ") + sdk_version);
    app.add_option("--config", arguments.source.folder, "The folder of the *.toml files")
        ->type_name("DIR")
        ->capture_default_str();
    app.add_option("--data", arguments.source.data_dir,
           "Where accounts and messages are kept; comes before server.data_dir")
        ->type_name("DIR");
    app.add_flag(
        "--check", arguments.only_check, "Tell every mistake of the configuration, and end");
    app.add_flag("--describe-options", arguments.describe_options,
        "Print the reference of all options, those of plugins too, and end");
    app.add_flag("--markdown", arguments.as_markdown, "Print it as Markdown");
    CLI11_PARSE(app, argc, argv);

    // A library of another build may lay out its classes otherwise: nothing of it is used yet.
    if (std::string_view(library_headers()) != NUNCIO_DETAIL_HEADERS)
        return fail(
            std::string("built with headers \"" NUNCIO_DETAIL_HEADERS "\", libnuncio.so.1 with \"")
            + library_headers() + "\": install both from one build");

    arguments.source.plugin_path = plugins_beside_the_program();
    if (arguments.describe_options)
        return describe_options(arguments);

    // The catalog ends with this line: the server opens plugins by itself.
    auto reading = read_config(arguments.source, *make_plugin_catalog());
    if (!reading.ok()) {
        std::fputs(reading.text().c_str(), stderr);
        return 1;
    }
    if (arguments.only_check)
        return check(reading.settings);
    return serve(std::move(reading.settings));
}
