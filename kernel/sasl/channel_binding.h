// RFC 5056 channel bindings of one TLS session, by the names that clients use.
#pragma once

#include <string>
#include <string_view>

namespace nuncio::kernel::sasl {

struct ChannelBindings {
    std::string exporter; ///< RFC 9266 tls-exporter; empty when not available
    std::string end_point; ///< RFC 5929 tls-server-end-point; empty when not available

    bool any() const { return !exporter.empty() || !end_point.empty(); }
    /// The binding's data; empty for an unknown or unavailable type.
    std::string_view find(std::string_view type) const
    {
        if (type == "tls-exporter")
            return exporter;
        if (type == "tls-server-end-point")
            return end_point;
        return {};
    }
};

}
