// RFC 5056 channel bindings of one TLS session, by the names that clients use.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel::sasl {

/// Which there are; their data is computed for a client that asks for it, because that costs as
/// much as all the rest of SCRAM.
struct ChannelBindings {
    bool exporter = false; ///< RFC 9266 tls-exporter
    bool end_point = false; ///< RFC 5929 tls-server-end-point
    /// The data of an available one, by its name. What it uses must outlive the exchange.
    std::function<std::string(std::string_view type)> compute {};

    bool any() const { return exporter || end_point; }
    /// Of those there are, the stronger first.
    std::vector<std::string_view> names() const
    {
        std::vector<std::string_view> all;
        if (exporter)
            all.push_back(exporter_name);
        if (end_point)
            all.push_back(end_point_name);
        return all;
    }
    /// The binding's data; empty for an unknown or unavailable type.
    std::string find(std::string_view type) const
    {
        const bool known
            = (exporter && type == exporter_name) || (end_point && type == end_point_name);
        return known ? compute(type) : std::string();
    }

    static constexpr std::string_view exporter_name = "tls-exporter";
    static constexpr std::string_view end_point_name = "tls-server-end-point";
};

}
