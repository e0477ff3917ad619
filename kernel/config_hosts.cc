// The hosts of a configuration, each with its plugins' merged tables.
#include "config_hosts.h"

#include "config_admins.h"
#include "config_files.h"
#include "settings_schema.h"

#include <nuncio/jid.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    class HostReader {
    public:
        HostReader(const Value& root, const std::string& folder, PluginCatalog& catalog,
            Settings& settings, std::vector<ConfigError>& errors)
            : root_(root)
            , folder_(folder)
            , catalog_(catalog)
            , settings_(settings)
            , errors_(errors)
        {
        }

        void read()
        {
            global_plugins_ = table_of(root_.find("plugins"), "plugins");
            global_disciplines_ = table_of(root_.find("iq_disciplines"), "iq_disciplines");
            check_disciplines(global_disciplines_, "iq_disciplines");
            const Value hosts = table_of(root_.find("hosts"), "hosts");
            for (const auto& [name, table] : hosts.as_table())
                read_host(name, table);
            if (settings_.hosts.empty() && errors_.empty())
                error({}, "hosts: no domain is served; add a table [hosts.\"example.org\"]");
            check_unused_plugins();
        }

    private:
        void error(SourcePlace place, std::string message)
        {
            errors_.push_back({ std::move(place), std::move(message) });
        }

        /// An empty table for a section that is missing, or is something else.
        Value table_of(const Value* value, std::string_view path)
        {
            if (value && value->kind() == Value::Kind::table)
                return *value;
            if (value && !value->is_null())
                error(value->place(), std::string(path) + ": expected a table");
            return Value::Table();
        }

        void read_host(const std::string& name, const Value& table)
        {
            const std::string path = "hosts.\"" + name + '"';
            HostOptions options;
            auto found = host_schema().read(table, path, &options);
            std::ranges::move(found, std::back_inserter(errors_));

            if (!options.enabled)
                return;
            const auto domain = prepare_domain(name);
            if (!domain) {
                error(table.key_place(), path + ": is not a domain: " + domain.error().text);
                return;
            }
            for (const HostSettings& other : settings_.hosts)
                if (other.domain == *domain)
                    error(table.key_place(),
                        path + ": is the same domain as at " + other.place.text());

            HostSettings host;
            host.domain = *domain;
            host.place = table.key_place();
            host.auth = options.auth;
            host.require_encryption = options.require_encryption;
            host.allow_plain_without_tls = options.allow_plain_without_tls;
            host.mechanisms = options.mechanisms;
            host.admins = options.admins;
            prepare_admins(host.admins, table.find("admins"), path + ".admins", errors_);
            host.certificate = { options.certificate, options.key };
            find_certificate(host, table, path);
            find_authorities(host, options.client_ca, table, path);
            host.iq_disciplines = global_disciplines_;
            check_disciplines(options.iq_disciplines, path + ".iq_disciplines");
            merge_tables(host.iq_disciplines, options.iq_disciplines, Conflict::overrides, errors_);
            read_plugins(host, options, table, path);
            settings_.hosts.push_back(std::move(host));
        }

        bool needs_certificate(SourcePlace& listener) const
        {
            for (const ListenSettings& listen : settings_.listen)
                if (listen.tls != ListenSettings::Tls::none) {
                    listener = listen.place;
                    return true;
                }
            return false;
        }

        void find_certificate(HostSettings& host, const Value& table, const std::string& path)
        {
            CertificateFiles& files = host.certificate;
            const bool is_given = !files.certificate.empty() || !files.key.empty();
            if (is_given && (files.certificate.empty() || files.key.empty())) {
                error(table.key_place(),
                    path + ": certificate and key belong together; only one of them is set");
                return;
            }
            const auto certs = std::filesystem::path(settings_.data_dir) / "certs";
            files.certificate = is_given ? path_from(folder_, files.certificate)
                                         : (certs / (host.domain + ".crt")).string();
            files.key = is_given ? path_from(folder_, files.key)
                                 : (certs / (host.domain + ".key")).string();

            SourcePlace listener;
            const bool is_needed = needs_certificate(listener);
            const int failure = unreadable(files);
            if (failure == 0)
                return;
            if (is_given || failure != ENOENT) {
                const auto* member = table.find("certificate");
                error(member ? member->place() : table.key_place(),
                    path + ".certificate: cannot read "
                        + (::access(files.certificate.c_str(), R_OK) ? files.certificate
                                                                     : files.key)
                        + ": " + std::strerror(failure));
            } else if (is_needed) {
                error(table.key_place(), missing_certificate(host, path, listener));
            }
            files = {};
        }

        void find_authorities(HostSettings& host, const std::string& file, const Value& table,
            const std::string& path)
        {
            if (file.empty())
                return;
            host.certificate.client_ca = path_from(folder_, file);
            if (::access(host.certificate.client_ca.c_str(), R_OK) != 0)
                error(table.find("client_ca")->place(),
                    path + ".client_ca: cannot read " + host.certificate.client_ca + ": "
                        + std::strerror(errno));
        }

        static int unreadable(const CertificateFiles& files)
        {
            for (const std::string& file : { files.certificate, files.key })
                if (::access(file.c_str(), R_OK) != 0)
                    return errno;
            return 0;
        }

        /// A command that makes the folder, too, and whoever runs it gives the files to who owns
        /// the data folder: the server must be able to read the key.
        std::string missing_certificate(
            const HostSettings& host, const std::string& path, const SourcePlace& listener) const
        {
            const auto ascii = domain_to_ascii(host.domain);
            const std::string name = ascii ? *ascii : host.domain;
            const std::string& data = settings_.data_dir;
            const std::string certs
                = std::filesystem::path(host.certificate.key).parent_path().string();
            const bool becomes_user = !settings_.user.empty() && ::geteuid() == 0;
            return path + ".certificate: is missing, and the listener at " + listener.text()
                + " offers TLS. Set certificate and key, or put them where they are looked for; a "
                  "self-signed one to begin with: "
                + (becomes_user
                        ? "install -d -m 700 -o " + settings_.user + ' ' + data + ' ' + certs
                        : "mkdir -p " + certs)
                + " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "
                  "365 -subj /CN="
                + name + " -addext subjectAltName=DNS:" + name + " -keyout " + host.certificate.key
                + " -out " + host.certificate.certificate + " && chown -R --reference=" + data + ' '
                + certs;
        }

        /// `[plugins.NAME]` ← `[hosts."H".plugins.NAME]`, without the disabled ones.
        void read_plugins(HostSettings& host, const HostOptions& options, const Value& table,
            const std::string& path)
        {
            Value merged = global_plugins_;
            merge_tables(merged, options.plugins, Conflict::overrides, errors_);
            for (auto& [name, wanted] : merged.table()) {
                const bool is_own = options.plugins.find(name) != nullptr;
                if (wanted.kind() != Value::Kind::table) {
                    error(wanted.place(),
                        (is_own ? path + ".plugins." : "plugins.") + name
                            + ": expected a table, not " + std::string(to_string(wanted.kind())));
                    continue;
                }
                const bool says_enabled = wanted.find("enabled") != nullptr;
                const bool is_enabled = take_enabled(wanted, name);
                const bool is_named = std::ranges::find(host.auth, name) != host.auth.end();
                if (!is_enabled && is_named)
                    error(wanted.key_place(),
                        path + ".auth: names \"" + name + "\", which is disabled here");
                if (!is_enabled)
                    continue;
                // Naming an auth backend enables it, its options alone do not; `enabled = true`
                // does, for what it offers besides.
                if (!is_named && !says_enabled && catalog_.is_auth_backend(name))
                    continue;
                used_.push_back(name);
                check_plugin(name, wanted);
                host.plugins[name] = std::move(wanted);
            }
            for (const std::string& name : host.auth) {
                if (merged.find(name))
                    continue;
                const Value* auth = table.find("auth");
                Value empty = Value::Table();
                empty.set_place(auth ? auth->place() : host.place);
                empty.set_key_place(empty.place());
                check_plugin(name, empty);
                host.plugins[name] = std::move(empty);
            }
        }

        /// Removes `enabled`, which is ours and not the plugin's.
        bool take_enabled(Value& table, const std::string& name)
        {
            auto& members = table.table();
            const auto found = std::ranges::find(members, "enabled",
                [](const auto& member) { return std::string_view(member.first); });
            if (found == members.end())
                return true;
            bool is_enabled = true;
            if (auto read = detail::read_value(found->second, is_enabled); !read)
                error(found->second.place(), "plugins." + name + ".enabled: " + read.error().text);
            members.erase(found);
            return is_enabled;
        }

        void check_plugin(const std::string& name, const Value& table)
        {
            const std::string path = "plugins." + name;
            const auto schema = catalog_.schema(name);
            if (!schema) {
                const bool is_unknown = schema.error().kind == Error::Kind::not_found;
                error(table.key_place(),
                    path + ": " + (is_unknown ? unknown_plugin(name) : schema.error().text));
                return;
            }
            auto found = (*schema)->check(table, path);
            std::ranges::move(found, std::back_inserter(errors_));
        }

        std::string unknown_plugin(const std::string& name)
        {
            const auto names = catalog_.names();
            const std::vector<std::string_view> known(names.begin(), names.end());
            std::string text = "there is no plugin \"" + name + "\" in ";
            for (const std::string& folder : settings_.plugin_path)
                text += (&folder == &settings_.plugin_path.front() ? "" : ", ") + folder;
            if (const auto near = nearest(name, known); !near.empty())
                return text + "; did you mean \"" + std::string(near) + "\"?";
            return text + "; install it, or set enabled = false";
        }

        /// A table that no host enables is checked all the same, if its plugin is there. An empty
        /// one is right, and not worth loading all that the plugin needs.
        void check_unused_plugins()
        {
            for (auto& [name, table] : global_plugins_.table()) {
                if (std::ranges::find(used_, name) != used_.end()
                    || table.kind() != Value::Kind::table)
                    continue;
                take_enabled(table, name);
                if (table.as_table().empty())
                    continue;
                if (const auto schema = catalog_.schema(name)) {
                    auto found = (*schema)->check(table, "plugins." + name);
                    std::ranges::move(found, std::back_inserter(errors_));
                }
            }
        }

        void check_disciplines(const Value& table, const std::string& path)
        {
            for (const auto& [ns, value] : table.as_table())
                if (!is_discipline(value.as_string()))
                    error(value.place(),
                        path + ".\"" + ns + "\": expected \"no_queue\", \"one_queue\", "
                            + "\"queues(8)\" or \"parallel\", not " + value.json());
        }

        static bool is_discipline(std::string_view text)
        {
            if (text == "no_queue" || text == "one_queue" || text == "parallel")
                return true;
            if (!text.starts_with("queues(") || !text.ends_with(')'))
                return false;
            text = text.substr(7, text.size() - 8);
            unsigned count = 0;
            const auto [end, failure]
                = std::from_chars(text.data(), text.data() + text.size(), count);
            return failure == std::errc() && end == text.data() + text.size() && count >= 1
                && count <= 256;
        }

        const Value& root_;
        const std::string& folder_;
        PluginCatalog& catalog_;
        Settings& settings_;
        std::vector<ConfigError>& errors_;
        Value global_plugins_;
        Value global_disciplines_;
        std::vector<std::string> used_;
    };

}

void read_hosts(const Value& root, const std::string& folder, PluginCatalog& plugins,
    Settings& settings, std::vector<ConfigError>& errors)
{
    HostReader(root, folder, plugins, settings, errors).read();
}

}
