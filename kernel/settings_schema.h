// The schemas of the server's own sections, for reading and for the reference.
#pragma once

#include "settings.h"

#include <nuncio/schema.h>

#include <string>
#include <vector>

namespace nuncio::kernel {

/// `[server]`, into Settings.
const Schema& server_schema();
/// `[limits]`, into Limits.
const Schema& limits_schema();
/// `[log]`, into LogSettings.
const Schema& log_schema();
/// `[tls]`, into TlsSettings.
const Schema& tls_schema();

/// `[watchdog]`, into WatchdogSettings.
const Schema& watchdog_schema();
/// `[watchdog.plugins.NAME]`, into Patience.
const Schema& patience_schema();

/// One `[[listen]]` as it is written.
struct ListenOptions {
    std::string kind = "c2s";
    std::vector<std::string> addresses { "::" };
    std::uint16_t port = 5222;
    std::string tls = "starttls";
};
const Schema& listen_schema();

/// One `[hosts."example.org"]` as it is written.
struct HostOptions {
    bool enabled = true;
    std::string certificate;
    std::string key;
    std::string client_ca;
    std::vector<std::string> auth { "internal" };
    bool require_encryption = true;
    bool allow_plain_without_tls = false;
    std::vector<std::string> mechanisms;
    std::vector<std::string> admins;
    Value plugins = Value::Table();
    Value iq_disciplines = Value::Table();
};
const Schema& host_schema();

struct Section {
    std::string title; ///< as it stands in a file: `[log]`, `[[listen]]`
    const Schema* schema;
};
/// All of the above, in the order of the reference.
std::vector<Section> sections();

}
