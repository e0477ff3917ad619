// Certificate files: read with errors that name the file, and described.
#pragma once

#include "tls.h"

struct ssl_ctx_st;
struct x509_st;

namespace nuncio::kernel {

/// Puts chain and key into `context`; fails when a file cannot be read or the two do not match.
Result<void> use_certificate(ssl_ctx_st* context, const CertificateFiles& files);

/// Expiry and names; domain and file are left to the caller.
TlsContext::Certificate describe_certificate(x509_st* certificate);

/// What is wrong with it though it works: expired, soon to expire (14 days), of another domain.
/// Empty when nothing is.
std::string certificate_warning(const TlsContext::Certificate& certificate, std::int64_t now);

}
