// Reads a configuration folder into Settings, section by section.
#include "config_reader.h"

#include "config_admins.h"
#include "config_files.h"
#include "config_hosts.h"
#include "settings_schema.h"

#include <algorithm>
#include <filesystem>
#include <pwd.h>
#include <tuple>

namespace nuncio::kernel {

namespace {

    void append(std::vector<ConfigError>& to, std::vector<ConfigError> from)
    {
        std::ranges::move(from, std::back_inserter(to));
    }

    const Value* find(const Value& root, std::string_view section, std::string_view key)
    {
        const Value* table = root.find(section);
        return table ? table->find(key) : nullptr;
    }

    SourcePlace place_of(const Value* value)
    {
        return value ? value->place() : SourcePlace();
    }

    void check_section_names(const Value& root, std::vector<ConfigError>& errors)
    {
        const std::vector<std::string_view> known { "server", "limits", "log", "tls", "watchdog",
            "listen", "hosts", "plugins", "iq_disciplines" };
        for (const auto& [name, value] : root.as_table()) {
            if (std::ranges::find(known, name) != known.end())
                continue;
            std::string text = "there is no section \"" + name + '"';
            if (const auto near = nearest(name, known); !near.empty())
                text += "; did you mean \"" + std::string(near) + "\"?";
            errors.push_back({ value.key_place(), std::move(text) });
        }
    }

    void read_section(const Value& root, std::string_view name, const Schema& schema, void* to,
        std::vector<ConfigError>& errors)
    {
        if (const Value* table = root.find(name))
            append(errors, schema.read(*table, name, to));
    }

    void check_patience(const Value* table, const std::string& path, const Patience& patience,
        std::vector<ConfigError>& errors)
    {
        if (patience.warn_after <= patience.stall_after)
            return;
        const Value* place = table->find("warn_after");
        errors.push_back({ place_of(place ? place : table->find("stall_after")),
            path + ".warn_after: must not be more than " + path + ".stall_after" });
    }

    bool is_enabled(const Settings& settings, const std::string& plugin)
    {
        return std::ranges::any_of(settings.hosts, [&](const HostSettings& host) {
            return host.plugins.contains(plugin)
                || std::ranges::find(host.auth, plugin) != host.auth.end();
        });
    }

    /// After the hosts, which say what plugins there are.
    void read_own_patience(Settings& settings, std::vector<ConfigError>& errors)
    {
        for (const auto& [plugin, table] : settings.watchdog.plugins.as_table()) {
            const std::string path = "watchdog.plugins." + plugin;
            Patience patience = settings.watchdog.patience_with({});
            auto found = patience_schema().read(table, path, &patience);
            if (found.empty())
                check_patience(&table, path, patience, found);
            if (found.empty() && !is_enabled(settings, plugin))
                found.push_back(
                    { table.key_place(), path + ": no host has a plugin of this name" });
            append(errors, std::move(found));
            settings.watchdog.own.emplace(plugin, patience);
        }
    }

    void check_server(const Value& root, const Settings& settings, std::vector<ConfigError>& errors)
    {
        if (!settings.user.empty() && !getpwnam(settings.user.c_str()))
            errors.push_back({ place_of(find(root, "server", "user")),
                "server.user: there is no account \"" + settings.user
                    + "\" on this system; make one with: adduser --system --group "
                    + settings.user });
        if (settings.limits.output_high > settings.limits.output_max) {
            const Value* place = find(root, "limits", "output_high");
            errors.push_back({ place_of(place ? place : find(root, "limits", "output_max")),
                "limits.output_high: must not be more than limits.output_max" });
        }
        const Value* const watchdog = root.find("watchdog");
        check_patience(watchdog, "watchdog", settings.watchdog.patience_with({}), errors);
        if (settings.log.target == "file" && settings.log.file.empty())
            errors.push_back({ place_of(find(root, "log", "target")),
                "log.file: is missing; the target \"file\" needs the path of one" });
    }

    void fill_paths(const ConfigSource& source, Settings& settings)
    {
        const auto resolve = [&](std::string& path) { path = path_from(source.folder, path); };
        for (std::string& folder : settings.plugin_path)
            resolve(folder);
        resolve(settings.data_dir);
        resolve(settings.runtime_dir);
        resolve(settings.ctl_socket);
        resolve(settings.log.file);

        const auto absolute = [](const std::string& path) {
            return std::filesystem::absolute(path).lexically_normal().string();
        };
        if (!source.data_dir.empty()) {
            settings.data_dir = absolute(source.data_dir);
            settings.runtime_dir = (std::filesystem::path(settings.data_dir) / "run").string();
        }
        if (settings.data_dir.empty())
            settings.data_dir = NUNCIO_DATA_FOLDER;
        if (settings.runtime_dir.empty())
            settings.runtime_dir = NUNCIO_RUNTIME_FOLDER;
        if (settings.ctl_socket.empty())
            settings.ctl_socket
                = (std::filesystem::path(settings.runtime_dir) / "nuncioctl.sock").string();
        if (settings.plugin_path.empty())
            settings.plugin_path = source.plugin_path;
        if (settings.plugin_path.empty())
            settings.plugin_path = { NUNCIO_PLUGIN_FOLDER };
    }

    ListenSettings listener_of(const ListenOptions& options, const SourcePlace& place)
    {
        using Tls = ListenSettings::Tls;
        const Tls tls = options.tls == "direct" ? Tls::direct
            : options.tls == "none"             ? Tls::none
                                                : Tls::starttls;
        return { options.kind, options.addresses, options.port, tls, place };
    }

    void check_port_is_free(
        const Settings& settings, const ListenSettings& wanted, std::vector<ConfigError>& errors)
    {
        if (wanted.port == 0)
            return;
        for (const ListenSettings& other : settings.listen)
            for (const std::string& address : wanted.addresses)
                if (other.port == wanted.port
                    && std::ranges::find(other.addresses, address) != other.addresses.end())
                    errors.push_back({ wanted.place,
                        "listen.port: " + std::to_string(wanted.port) + " on " + address
                            + " is taken by the listener at " + other.place.text() });
    }

    void read_listeners(const Value& root, Settings& settings, std::vector<ConfigError>& errors)
    {
        const Value* listen = root.find("listen");
        if (!listen) {
            errors.push_back({ {},
                "listen: is missing; add a table [[listen]] with port = 5222 to accept clients" });
            return;
        }
        if (listen->kind() != Value::Kind::array) {
            errors.push_back({ listen->key_place(),
                "listen: expected a list of tables; write [[listen]] with two brackets" });
            return;
        }
        for (const Value& table : listen->as_array()) {
            ListenOptions options;
            auto found = listen_schema().read(table, "listen", &options);
            const bool is_good = found.empty();
            append(errors, std::move(found));
            if (!is_good)
                continue;
            const ListenSettings made = listener_of(options, table.place());
            check_port_is_free(settings, made, errors);
            settings.listen.push_back(made);
        }
    }

    void sort_by_place(std::vector<ConfigError>& errors)
    {
        const auto key = [](const ConfigError& error) {
            return std::tuple(error.place.file ? std::string_view(*error.place.file) : "",
                error.place.line, error.place.column, std::string_view(error.message));
        };
        std::ranges::stable_sort(errors, {}, key);
        // A mistake in [plugins.NAME] is found once for every host that inherits it.
        const auto same = std::unique(errors.begin(), errors.end(),
            [](const auto& a, const auto& b) { return a.text() == b.text(); });
        errors.erase(same, errors.end());
    }

}

std::string path_from(const std::string& folder, const std::string& path)
{
    if (path.empty())
        return path;
    return (std::filesystem::absolute(folder) / path).lexically_normal().string();
}

std::string ConfigReading::text() const
{
    std::string out;
    for (const ConfigError& error : errors)
        out += error.text() + '\n';
    return out;
}

ConfigReading read_config(const Value& root, const ConfigSource& source, PluginCatalog& plugins)
{
    ConfigReading reading;
    Settings& settings = reading.settings;
    auto& errors = reading.errors;
    settings.source = source;
    settings.written = root;
    check_section_names(root, errors);
    read_section(root, "server", server_schema(), &settings, errors);
    prepare_admins(settings.admins, find(root, "server", "admins"), "server.admins", errors);
    read_section(root, "limits", limits_schema(), &settings.limits, errors);
    read_section(root, "log", log_schema(), &settings.log, errors);
    read_section(root, "tls", tls_schema(), &settings.tls, errors);
    read_section(root, "watchdog", watchdog_schema(), &settings.watchdog, errors);
    fill_paths(source, settings);
    check_server(root, settings, errors);
    read_listeners(root, settings, errors);
    plugins.search(settings.plugin_path);
    read_hosts(root, source.folder, plugins, settings, errors);
    read_own_patience(settings, errors);
    sort_by_place(errors);
    return reading;
}

ConfigReading read_config(const ConfigSource& source, PluginCatalog& plugins)
{
    std::vector<ConfigError> errors;
    const Value root = read_config_files(source.folder, errors);
    if (!errors.empty()) {
        // Half a configuration would be blamed for what stands in the other half.
        ConfigReading broken;
        broken.errors = std::move(errors);
        return broken;
    }
    return read_config(root, source, plugins);
}

}
