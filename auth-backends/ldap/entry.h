// One entry of a directory, as far as it was asked for.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <strings.h>
#include <utility>
#include <vector>

namespace nuncio::ldap {

struct Entry {
    std::string dn;
    std::vector<std::pair<std::string, std::vector<std::string>>> attributes {};

    /// The values of an attribute, whose name has no case (RFC 4512 §2.5); none when it is missing.
    const std::vector<std::string>& values(const std::string& name) const
    {
        static const std::vector<std::string> none;
        const auto found = std::ranges::find_if(attributes,
            [&](const auto& one) { return ::strcasecmp(one.first.c_str(), name.c_str()) == 0; });
        return found == attributes.end() ? none : found->second;
    }
    /// Of all names and values, in bytes.
    std::size_t size() const
    {
        std::size_t bytes = dn.size();
        for (const auto& [name, values] : attributes) {
            bytes += name.size();
            for (const std::string& value : values)
                bytes += value.size();
        }
        return bytes;
    }
};

}
