// RFC 5802 and RFC 7677: SCRAM for a client that remembers its keys, as clients do, so that a login
// costs the load generator a few HMACs and not thousands.
#pragma once

#include "options.h"

#include <string>
#include <string_view>
#include <unordered_map>

namespace nuncio::bench {

struct ScramKeys {
    std::string salt; // As the server sent it, in Base64.
    int iterations = 0;
    std::string client_key;
    std::string server_key;
};

class ScramCache final {
public:
    // `file` may be empty, or not exist yet.
    explicit ScramCache(std::string file);

    const ScramKeys& keys(Mechanism mechanism, const std::string& user, std::string_view password,
        std::string_view salt, int iterations);

    // Writes the file anew if anything was added. False if it cannot be written.
    bool save() const;

private:
    std::string file_;
    bool changed_ = false;
    std::unordered_map<std::string, ScramKeys> keys_;
};

// One exchange: first(), then final() with the server's challenge, then verify() with its answer.
class ScramClient final {
public:
    ScramClient(Mechanism mechanism, std::string user, std::string nonce);

    std::string first() const;

    // Empty if the challenge is not one.
    std::string final(std::string_view server_first, std::string_view password, ScramCache& cache);

    bool verify(std::string_view server_final) const;

private:
    Mechanism mechanism_;
    std::string user_;
    std::string nonce_;
    std::string server_signature_;
};

std::string to_base64(std::string_view bytes);
std::string from_base64(std::string_view text);
std::string random_nonce();

}
