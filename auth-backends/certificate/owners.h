// XEP-0178 §2: which users of a host the owner of a certificate may be.
#pragma once

#include "fingerprints.h"

#include <nuncio/auth.h>

#include <string>
#include <vector>

namespace nuncio::certificate {

/// Where a certificate says who its owner is.
enum class Source {
    xmpp, ///< id-on-xmppAddr, an address of this host
    email, ///< rfc822Name, an e-mail address of one of the domains
    common_name, ///< of the subject: a local part, or an address of this host
    file, ///< nowhere: a file knows the fingerprint
};

struct Rules {
    std::string domain; ///< of the host
    std::vector<Source> sources; ///< the first that names anybody counts
    std::vector<std::string> email_domains; ///< prepared
    bool trusted_only = true; ///< else the file counts for certificates that nobody vouches for
};

/// Prepared local parts. What an untrusted certificate says of itself never counts.
std::vector<std::string> owners_of(
    const ClientCertificate& certificate, const Rules& rules, const Fingerprints& file);

}
