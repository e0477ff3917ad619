// XEP-0030: what a host says about itself, collected from its plugins.
#pragma once

#include <nuncio/xml.h>

#include <string>
#include <vector>

namespace nuncio::inline v1 {

struct DiscoIdentity {
    std::string category; ///< "server"
    std::string type; ///< "im"
    std::string name {};
    std::string lang {};
};

struct DiscoItem {
    std::string jid;
    std::string name {};
    std::string node {};
};

/// What one address answers. Immutable once published; sorted by the order of registration.
struct Directory {
    std::vector<DiscoIdentity> identities;
    std::vector<std::string> features; ///< without repeats
    std::vector<DiscoItem> items;
    std::vector<Element> forms; ///< XEP-0128 extended information
};

}
