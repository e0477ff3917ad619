// What the administrator says about the web service, checked.
#pragma once

#include "protocol.h"

#include <nuncio/schema.h>

#include <cstdint>
#include <string>
#include <vector>

namespace nuncio::http {

struct Settings {
    std::vector<std::string> urls;
    std::string protocol = "rest";
    std::vector<std::string> operations { "check_password", "user_exists" };
    std::string method = "GET";
    std::string names = "user";
    std::vector<std::string> no_statuses {};

    std::string credentials_file {};
    std::string authorization = "basic";
    bool insecure = false;
    std::string tls_ca_file = "/etc/ssl/certs/ca-certificates.crt";
    std::string tls_certificate {};
    std::string tls_key {};

    Duration connect_timeout = 2s;
    Duration request_timeout = 4s;
    Duration timeout = 10s;
    Bytes answer_bytes { 64 * 1024 };
    std::uint32_t connections = 4;
    std::uint32_t queue = 256;
    Duration server_rest = 30s;
    std::uint32_t failures = 3;
    Duration rest = 1s;
    Duration longest_rest = 30s;

    std::uint32_t cache = 4096;
    Duration positive_ttl = 60s;
    Duration negative_ttl {};
};

Schema make_schema();

/// What does not fit is an error of that option.
struct Mistake {
    std::string option;
    std::string message;
};
/// The settings, read and found to fit together; `operations` is what the service is asked.
struct Plan {
    Rules rules;
    std::vector<Operation> operations;

    bool can(Operation operation) const;
};
Result<Plan> make_plan(const Settings& settings, std::string_view server, Mistake& mistake);

/// Whether a URL of a service is one that passwords may be sent to.
Result<void> check_url(const std::string& url, Protocol protocol, bool insecure);

/// The header that the credentials in a file make, "Basic …" or "Bearer …".
Result<std::string> read_credentials(const Settings& settings);

}
