// The certificates that the settings name, ready for handshakes.
#include "load_certificates.h"

namespace nuncio::kernel {

Result<std::shared_ptr<TlsContext>> load_certificates(const Settings& settings)
{
    std::map<std::string, CertificateFiles, std::less<>> files;
    std::string first;
    for (const HostSettings& host : settings.hosts) {
        if (host.certificate.certificate.empty())
            continue;
        if (first.empty())
            first = host.domain;
        files[host.domain] = host.certificate;
    }
    if (files.empty())
        return std::shared_ptr<TlsContext>();
    return TlsContext::create(settings.tls, files, first);
}

}
