// The server's own options, as conf.d/*.toml gives them.
#pragma once

#include "tls.h"

#include <nuncio/schema.h>
#include <nuncio/xml.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel {

/// Every bound on what comes from outside. `[limits]`.
struct Limits {
    // before authentication
    Bytes stanza_bytes_before_auth { 10000 }; ///< RFC 6120 §4.9.3.14: never below 10,000
    Duration negotiation_time = 60s; ///< from connect to bound
    Duration answer_time = 30s; ///< of plugins that look into a login, a password, an account
    std::uint32_t auth_attempts
        = 3; ///< passwords tried on a stream before it ends; other failures: 4 times that
    std::uint32_t connections_per_address = 200; ///< open streams of one address; loopback too
    std::uint32_t connections = 18000; ///< open streams in all
    // after it
    Bytes stanza_bytes { 262144 };
    std::uint32_t xml_depth = 32;
    std::uint32_t xml_attributes = 64;
    std::uint32_t xml_children = 8192;
    Bytes output_high { 262144 }; ///< backlog of one stream above which its senders are paused
    Bytes output_max { 4194304 }; ///< backlog at which the stream is ended (resource-constraint)
    Bytes held_bytes { 4194304 }; ///< of one account that may wait for a MessageHold to end
    Duration held_time = 10s; ///< the longest that a MessageHold lasts
    std::uint32_t sessions_per_account = 32;
    Bytes read_rate { 0 }; ///< bytes per second of one client stream; 0: unlimited
    Bytes read_rate_before_auth { 65536 };
    Duration idle_time = 10min; ///< silence after which a client is pinged; twice: closed. 0: never
    std::uint32_t resource_bytes = 1023;
    // while plugins are reloaded
    std::uint32_t handover_stanzas = 1000; ///< that may wait while a plugin hands over its state
    Duration handover_time = 250ms; ///< for which they may
    std::uint32_t pinned_generations = 3; ///< of one plugin; beyond, it is not reloaded any more

    XmlLimits xml(bool authenticated) const;
};

struct ListenSettings {
    enum class Tls { starttls, direct, none };
    std::string kind = "c2s"; ///< "c2s"; more with later features
    std::vector<std::string> addresses { "::" }; ///< "::" is dual stack
    std::uint16_t port = 5222; ///< 0 lets the system choose (tests)
    Tls tls = Tls::starttls;
    SourcePlace place;
};

struct LogSettings {
    std::string level = "info";
    std::string target = "console"; ///< "console", "file", "journald"
    std::string file;
    std::string format = "text"; ///< "text" or "json"
};

/// How long one call of a handler may take on a loop. `[watchdog.plugins.NAME]`.
struct Patience {
    Duration warn_after; ///< then it is told of
    Duration stall_after; ///< then its stack is logged, and `action` taken
};

/// What is done about plugins that take too long, throw too much or crash. `[watchdog]`.
struct WatchdogSettings {
    Duration warn_after = 100ms; ///< see Patience
    Duration stall_after = 1s;
    Value plugins = Value::Table(); ///< name → table, as it is written
    std::map<std::string, Patience, std::less<>> own; ///< the same as it was read
    Patience patience_with(std::string_view plugin) const
    {
        const auto found = own.find(plugin);
        return found == own.end() ? Patience { warn_after, stall_after } : found->second;
    }
    Duration shortest_warning() const
    {
        Duration shortest = warn_after;
        for (const auto& [plugin, patience] : own)
            shortest = std::min(shortest, patience.warn_after);
        return shortest;
    }
    std::string action = "log"; ///< "log", "demote" or "quarantine"
    Duration window = 10min; ///< in which stalls and crashes add up
    std::uint32_t stalls = 5; ///< in the window, until a plugin is quarantined
    std::uint32_t failures_per_minute = 600; ///< exceptions of one plugin on one host
    std::uint32_t crashes = 3; ///< in the window, until a plugin is not loaded again; 0: never
    std::vector<std::string> required { "internal", "storage-sqlite" }; ///< never quarantined
};

/// One `[hosts."example.org"]`.
struct HostSettings {
    std::string domain; ///< prepared
    CertificateFiles certificate;
    std::vector<std::string> auth { "internal" }; ///< chain, asked in order
    bool require_encryption = true; ///< false: SASL without TLS, but never PLAIN
    bool allow_plain_without_tls = false; ///< only ever for load tests on loopback
    std::vector<std::string> mechanisms; ///< SASL mechanisms allowed; empty: all that fit
    std::vector<std::string> admins; ///< bare JIDs, prepared: may command this host's accounts
    std::map<std::string, Value> plugins; ///< enabled plugins with their merged tables
    Value iq_disciplines; ///< overrides: namespace = "one_queue"
    SourcePlace place;
};

/// Where the settings came from, so that they can be read again.
struct ConfigSource {
    std::string folder; ///< of the *.toml files
    std::string data_dir {}; ///< given on the command line; comes before server.data_dir
    std::vector<std::string> plugin_path {}; ///< when server.plugin_path is not set
};

struct Settings {
    std::uint32_t loops = 0; ///< 0: one per core
    std::uint32_t workers = 4;
    std::string user; ///< run as; empty: as started
    std::string data_dir;
    std::string runtime_dir; ///< ctl socket, pid file
    std::string ctl_socket; ///< default: runtime_dir/nuncioctl.sock
    std::vector<std::string> plugin_path; ///< searched in order, also its ../auth-backends sibling
    bool watch = false; ///< reload plugins whose files were replaced
    std::vector<std::string>
        admins; ///< bare JIDs, prepared: may call every command over the network
    Limits limits;
    LogSettings log;
    TlsSettings tls;
    WatchdogSettings watchdog;
    std::vector<ListenSettings> listen;
    std::vector<HostSettings> hosts;
    ConfigSource source;
    Value written; ///< the merged table that all this was read from; see hold_back()
};

}
