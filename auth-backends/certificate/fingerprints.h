// A file of certificates by their fingerprints, and of whose they are.
#pragma once

#include <nuncio/result.h>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::certificate {

/// Lines `FINGERPRINT USER`: SHA-256 in hex, with or without colons, and a local part of the host.
/// One user may have several certificates, one certificate several users. Empty lines, and what
/// follows a `#`, are skipped.
class Fingerprints {
public:
    static constexpr std::size_t max_bytes = 16 * 1024 * 1024;
    static constexpr std::size_t max_lines = 100'000;

    Fingerprints() = default;
    /// The error names the line.
    static Result<Fingerprints> parse(std::string_view text);
    /// The error names the file. Blocks.
    static Result<Fingerprints> load(const std::string& file);

    /// Users of the certificate with this fingerprint (lower-case hex without colons).
    std::vector<std::string> find(std::string_view fingerprint) const;
    bool has_user(std::string_view user) const { return users_.contains(user); }
    const std::set<std::string, std::less<>>& users() const { return users_; }

private:
    std::multimap<std::string, std::string, std::less<>> by_fingerprint_;
    std::set<std::string, std::less<>> users_;
};

}
