// RFC 6120 §13.7.1: what a client's certificate says, and whether an authority vouches for it.
#pragma once

#include <nuncio/auth.h>
#include <nuncio/result.h>

#include <memory>
#include <string>

struct ssl_st;
struct x509_st;
struct x509_store_st;

namespace nuncio::kernel {

/// The authorities whose certificates clients may show, as one host trusts them. Immutable.
class ClientAuthorities {
public:
    /// From a PEM file of certificates and, if one likes, revocation lists, which then must cover
    /// every client's certificate.
    static Result<std::unique_ptr<const ClientAuthorities>> load(const std::string& file);
    ~ClientAuthorities();

    /// The certificate of the client, after the handshake; nothing when it showed none.
    std::optional<ClientCertificate> judge(ssl_st* session) const;

private:
    ClientAuthorities() = default;
    struct Free {
        void operator()(x509_store_st* store) const;
    };
    std::unique_ptr<x509_store_st, Free> store_;
};

/// What stands in it; `is_trusted` is left to others, unless it says more than it may.
ClientCertificate describe_client_certificate(x509_st* certificate);

/// The most names of one kind that are read from a certificate; one with more is not trusted.
inline constexpr std::size_t max_client_names = 64;

}
