// Keys that tokens are verified with.
#pragma once

#include "algorithm.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

typedef struct evp_pkey_st EVP_PKEY;

namespace nuncio::jwt {

/// A public key, or a secret shared with whoever signs. It knows what it is: no token can make it
/// anything else. Any thread.
class Key {
public:
    /// Whether a signature by `algorithm` may be checked with this key at all.
    bool fits(const Algorithm& algorithm) const;
    /// Whether `signature` is over `text`. `algorithm` fits.
    bool verifies(
        const Algorithm& algorithm, std::string_view text, std::string_view signature) const;

    KeyType type = KeyType::secret;
    std::size_t bits = 0;
    std::string id {}; ///< RFC 7517 §4.5; empty: it has none
    std::string algorithm {}; ///< §4.4: the only one that it is for; empty: any that fits
    std::shared_ptr<EVP_PKEY> handle {}; ///< shared: by copies; OpenSSL's own counts are its affair
};

/// The keys of one file.
struct KeySet {
    std::vector<Key> keys;
    std::vector<std::string> ignored {}; ///< why others of the file are not among them
    bool has_secret = false;
};

}
