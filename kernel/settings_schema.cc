// What the server's own options mean. The reference is generated from here: write for its reader.
#include "settings_schema.h"

namespace nuncio::kernel {

const Schema& server_schema()
{
    static const Schema schema
        = Schema::of<Settings>("The process: threads, folders, and who it runs as.")
              .option("loops", &Settings::loops,
                  "Threads that carry streams. 0 makes one for each processor.")
              .range(0, 256)
              .reload(Reload::restart)
              .option("workers", &Settings::workers,
                  "Threads for work that waits: databases, directories, hashing of passwords.")
              .range(1, 256)
              .reload(Reload::restart)
              .option("user", &Settings::user,
                  "The system account to run as, when started as root; the right to open ports "
                  "below "
                  "1024 is kept. Empty: stay who started it.")
              .reload(Reload::restart)
              .option("data_dir", &Settings::data_dir,
                  "Where accounts, messages and certificates are kept. The option --data of "
                  "nunciod comes before it.")
              .reload(Reload::restart)
              .option("runtime_dir", &Settings::runtime_dir,
                  "Where the socket of nuncioctl is made; with --data it is DIR/run.")
              .reload(Reload::restart)
              .option("ctl_socket", &Settings::ctl_socket,
                  "The socket of nuncioctl. Empty: runtime_dir/nuncioctl.sock.")
              .reload(Reload::restart)
              .option("plugin_path", &Settings::plugin_path,
                  "Folders searched for plugins, in order. Empty: where nuncio was installed.")
              .reload(Reload::restart)
              .option("watch", &Settings::watch,
                  "Reload a plugin when its file was replaced, as `nuncioctl plugin refresh` does.")
              .reload(Reload::live)
              .option("admins", &Settings::admins,
                  "Accounts, as \"ana@example.org\", that may call every command of the server "
                  "over XMPP (plugin adhoc): whoever gets hold of one has the server.")
              .reload(Reload::live);
    return schema;
}

const Schema& limits_schema()
{
    constexpr double MiB = 1048576;
    constexpr double day = 86400;
    static const Schema schema
        = Schema::of<Limits>("Bounds on everything that comes from outside.")
              .option("stanza_bytes_before_auth", &Limits::stanza_bytes_before_auth,
                  "The largest stanza before authentication. RFC 6120 allows no less than 10000.")
              .range(10000, MiB)
              .reload(Reload::live)
              .option("negotiation_time", &Limits::negotiation_time,
                  "From connecting to a bound resource; who takes longer is disconnected.")
              .range(1, 3600)
              .reload(Reload::live)
              .option("answer_time", &Limits::answer_time,
                  "How long a login or a new password waits for plugins that look into it, as a "
                  "policy in Lua does; without their answers it is refused.")
              .range(0.1, 600)
              .reload(Reload::live)
              .option("auth_attempts", &Limits::auth_attempts,
                  "Wrong passwords on one stream before it is closed; failures of another sort "
                  "count a "
                  "quarter.")
              .range(1, 100)
              .reload(Reload::live)
              .option("connections_per_address", &Limits::connections_per_address,
                  "Open streams from one IP address; loopback is counted too.")
              .range(1, 1000000)
              .reload(Reload::live)
              .option("connections", &Limits::connections,
                  "Open streams in all. Keep it below the system's limit of open files.")
              .range(1, 10000000)
              .reload(Reload::live)
              .option(
                  "stanza_bytes", &Limits::stanza_bytes, "The largest stanza after authentication.")
              .range(10000, 64 * MiB)
              .reload(Reload::live)
              .option("xml_depth", &Limits::xml_depth, "How deep the elements of a stanza nest.")
              .range(4, 1024)
              .reload(Reload::live)
              .option("xml_attributes", &Limits::xml_attributes, "Attributes of one element.")
              .range(8, 1024)
              .reload(Reload::live)
              .option("xml_children", &Limits::xml_children, "Elements and texts in one stanza.")
              .range(16, 1000000)
              .reload(Reload::live)
              .option("output_high", &Limits::output_high,
                  "Waiting output of one stream above which those who send to it are paused.")
              .range(4096, 64 * MiB)
              .reload(Reload::live)
              .option("output_max", &Limits::output_max,
                  "Waiting output of one stream at which it is ended.")
              .range(65536, 1024 * MiB)
              .reload(Reload::live)
              .option("held_bytes", &Limits::held_bytes,
                  "Messages that may wait for one account while older ones are handed over; the "
                  "senders of further ones hear resource-constraint.")
              .range(1024, 64 * MiB)
              .reload(Reload::live)
              .option("held_time", &Limits::held_time, "How long they wait at the most.")
              .range(0.1, 600)
              .reload(Reload::live)
              .option("sessions_per_account", &Limits::sessions_per_account,
                  "Resources that one account may have online at once.")
              .range(1, 10000)
              .reload(Reload::live)
              .option("read_rate", &Limits::read_rate,
                  "Bytes that one client may send in a second. 0: as many as it likes.")
              .reload(Reload::live)
              .option("read_rate_before_auth", &Limits::read_rate_before_auth,
                  "The same before authentication.")
              .reload(Reload::live)
              .option("idle_time", &Limits::idle_time,
                  "Silence after which a client is pinged; without an answer its stream is closed "
                  "after twice as long. 0: never.")
              .range(0, day)
              .reload(Reload::live)
              .option("resource_bytes", &Limits::resource_bytes,
                  "The longest resource name that a client may bind.")
              .range(1, 1023)
              .reload(Reload::live)
              .option("handover_stanzas", &Limits::handover_stanzas,
                  "Stanzas that may wait while a reloaded plugin hands over its state; with more "
                  "the reload is given up.")
              .range(1, 1000000)
              .reload(Reload::live)
              .option("handover_time", &Limits::handover_time,
                  "For how long they may wait; the plugin's saving and restoring have as long.")
              .range(0.001, 60)
              .reload(Reload::live)
              .option("pinned_generations", &Limits::pinned_generations,
                  "Former generations of one plugin that could not be unmapped, with which it is "
                  "not reloaded any more.")
              .range(1, 1000)
              .reload(Reload::live);
    return schema;
}

const Schema& log_schema()
{
    static const Schema schema
        = Schema::of<LogSettings>("What is logged, and where to.")
              .option("level", &LogSettings::level, "The least important lines that are kept.")
              .choices({ "debug", "info", "warn", "error" })
              .reload(Reload::live)
              .option("target", &LogSettings::target,
                  "The console (standard error), a file, or the journal of systemd.")
              .choices({ "console", "file", "journald" })
              .reload(Reload::restart)
              .option("file", &LogSettings::file,
                  "The file of the target \"file\". After rotating it, run `nuncioctl reopen-log`.")
              .reload(Reload::restart)
              .option("format", &LogSettings::format, "Lines for eyes, or one JSON object a line.")
              .choices({ "text", "json" })
              .reload(Reload::restart);
    return schema;
}

const Schema& tls_schema()
{
    static const Schema schema
        = Schema::of<TlsSettings>("Encryption of all listeners.")
              .option("minimum", &TlsSettings::minimum, "The oldest version of TLS accepted.")
              .choices({ "1.2", "1.3" })
              .reload(Reload::live)
              .option("ciphers", &TlsSettings::ciphers,
                  "Cipher suites of TLS 1.2, as OpenSSL lists them. Empty: those of RFC 9325.")
              .reload(Reload::live)
              .option("groups", &TlsSettings::groups,
                  "Key exchange groups, as OpenSSL lists them. Empty: X25519:P-256:P-384.")
              .reload(Reload::live);
    return schema;
}

namespace {

    constexpr double hour = 3600;
    constexpr double shortest_warning = 0.02, shortest_stall = 0.05; // seconds

}

const Schema& patience_schema()
{
    static const Schema schema
        = Schema::of<Patience>("The same for one plugin, over what holds for all.")
              .option("warn_after", &Patience::warn_after, "See [watchdog].")
              .range(shortest_warning, hour)
              .reload(Reload::live)
              .option("stall_after", &Patience::stall_after, "See [watchdog].")
              .range(shortest_stall, hour)
              .reload(Reload::live);
    return schema;
}

const Schema& watchdog_schema()
{
    static const Schema schema
        = Schema::of<WatchdogSettings>(
            "What is done about plugins that take too long, throw too much or crash.")
              .option("warn_after", &WatchdogSettings::warn_after,
                  "How long one call of a plugin's handler may take on a loop before a warning "
                  "names it; in the "
                  "worker pool it may take ten times as long.")
              .range(shortest_warning, hour)
              .reload(Reload::live)
              .option("stall_after", &WatchdogSettings::stall_after,
                  "After which the call counts as a stall: its stack is logged and `action` taken. "
                  "In the "
                  "worker pool ten times as long, too.")
              .range(shortest_stall, hour)
              .reload(Reload::live)
              .option("plugins", &WatchdogSettings::plugins,
                  "A table for each plugin that may take longer than others, or not as long: "
                  "`[watchdog.plugins.NAME]` with warn_after and stall_after.")
              .reload(Reload::live)
              .option("action", &WatchdogSettings::action,
                  "\"log\" only tells. \"demote\" also moves an iq handler of the server that runs "
                  "on the loops to the worker pool, where it holds up nobody else. \"quarantine\" "
                  "unloads a plugin after several stalls or too many exceptions.")
              .choices({ "log", "demote", "quarantine" })
              .reload(Reload::live)
              .option("window", &WatchdogSettings::window,
                  "The time in which stalls, and crashes of the server, add up.")
              .range(10, 24 * hour)
              .reload(Reload::live)
              .option("stalls", &WatchdogSettings::stalls,
                  "Stalls in the window after which the action \"quarantine\" is taken.")
              .range(1, 1000)
              .reload(Reload::live)
              .option("failures_per_minute", &WatchdogSettings::failures_per_minute,
                  "Exceptions of one plugin on one host in a minute that are put up with.")
              .range(0, 1000000)
              .reload(Reload::live)
              .option("crashes", &WatchdogSettings::crashes,
                  "Crashes of the server in the window after which the plugin whose code ran is "
                  "not "
                  "loaded at the next start. 0: it always is.")
              .range(0, 100)
              .reload(Reload::live)
              .option("required", &WatchdogSettings::required,
                  "Plugins that are never quarantined, because the server is of no use without "
                  "them.")
              .reload(Reload::live);
    return schema;
}

const Schema& listen_schema()
{
    static const Schema schema
        = Schema::of<ListenOptions>("A port to accept connections on; one table for each.")
              .option("kind", &ListenOptions::kind, "Who connects here: clients (c2s).")
              .choices({ "c2s" })
              .reload(Reload::listener)
              .option("addresses", &ListenOptions::addresses,
                  "IP addresses to listen on. \"::\" is every address, IPv6 and IPv4.")
              .reload(Reload::listener)
              .option("port", &ListenOptions::port, "The TCP port; 0 lets the system choose.")
              .range(0, 65535)
              .reload(Reload::listener)
              .option("tls", &ListenOptions::tls,
                  "\"starttls\" upgrades after connecting, \"direct\" starts with TLS (XEP-0368), "
                  "\"none\" never encrypts and is only for tests on loopback.")
              .choices({ "starttls", "direct", "none" })
              .reload(Reload::listener);
    return schema;
}

const Schema& host_schema()
{
    static const Schema schema
        = Schema::of<HostOptions>("A domain that is served.")
              .option("enabled", &HostOptions::enabled, "False leaves the domain out.")
              .reload(Reload::live)
              .option("certificate", &HostOptions::certificate,
                  "The certificate with its chain, PEM. Empty: DATA/certs/DOMAIN.crt.")
              .reload(Reload::live)
              .option("key", &HostOptions::key,
                  "The certificate's private key, PEM. Empty: DATA/certs/DOMAIN.key.")
              .reload(Reload::live)
              .option("client_ca", &HostOptions::client_ca,
                  "Authorities whose certificates clients may log in with, PEM; revocation lists "
                  "in "
                  "the same file are obeyed. Empty: clients are not asked for certificates.")
              .reload(Reload::live)
              .option("auth", &HostOptions::auth,
                  "Plugins that know the accounts, asked in this order. Naming one enables it.")
              .reload(Reload::live)
              .option("require_encryption", &HostOptions::require_encryption,
                  "Refuse logins without TLS. If false, logins without TLS are possible, but "
                  "never with a password in clear text.")
              .reload(Reload::live)
              .option("allow_plain_without_tls", &HostOptions::allow_plain_without_tls,
                  "Even accept passwords in clear text. Only ever for load tests on loopback.")
              .reload(Reload::live)
              .option("mechanisms", &HostOptions::mechanisms,
                  "The SASL mechanisms offered. Empty: all that the accounts' plugins can do.")
              .choices({ "EXTERNAL", "SCRAM-SHA-512-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-256-PLUS",
                  "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN", "ANONYMOUS" })
              .reload(Reload::live)
              .option("admins", &HostOptions::admins,
                  "Accounts, of this host or another, that may command this host's accounts over "
                  "XMPP (plugin adhoc): make and remove them, disable them, end sessions.")
              .reload(Reload::live)
              .option("plugins", &HostOptions::plugins,
                  "A table `[hosts.\"DOMAIN\".plugins.NAME]` enables a plugin on this host alone, "
                  "or "
                  "sets its options over those of `[plugins.NAME]`; `enabled = false` disables it.")
              .reload(Reload::live)
              .option("iq_disciplines", &HostOptions::iq_disciplines,
                  "How requests of a namespace are queued, over what their plugin says: "
                  "\"no_queue\", \"one_queue\", \"queues(8)\" or \"parallel\".")
              .reload(Reload::instance);
    return schema;
}

std::vector<Section> sections()
{
    return {
        { "[server]", &server_schema() },
        { "[limits]", &limits_schema() },
        { "[log]", &log_schema() },
        { "[tls]", &tls_schema() },
        { "[watchdog]", &watchdog_schema() },
        { "[[listen]]", &listen_schema() },
        { "[hosts.\"DOMAIN\"]", &host_schema() },
    };
}

}
