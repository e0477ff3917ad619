// nuncio-floor: what the kernel and OpenSSL charge for a message or a handshake without any server.
#include "relay.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

int main(int argc, char** argv)
{
    using nuncio::bench::Role;
    nuncio::bench::FloorOptions options;
    CLI::App app("The bare relay that servers are compared with", "nuncio-floor");
    const std::map<std::string, Role> roles { { "relay", Role::relay }, { "sink", Role::sink } };
    app.add_option("--address", options.address, "IPv4 address")->capture_default_str();
    app.add_option("--port", options.port, "Port to listen on")->required();
    app.add_option("--role", options.role, "relay between pairs of connections, or sink")
        ->transform(CLI::CheckedTransformer(roles).description(""));
    auto* const certificate
        = app.add_option("--certificate", options.certificate, "PEM; with it, TLS 1.3 only");
    auto* const key = app.add_option("--key", options.key, "PEM");
    certificate->needs(key);
    key->needs(certificate);
    CLI11_PARSE(app, argc, argv);
    try {
        nuncio::bench::serve(options);
    } catch (const std::exception& error) {
        std::cerr << "nuncio-floor: " << error.what() << '\n';
        return 2;
    }
    return 0;
}
