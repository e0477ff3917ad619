#include "client_certificate.h"

#include <nuncio/crypto.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <optional>
#include <unistd.h>

namespace nuncio::kernel {

namespace {

    constexpr int max_chain_depth = 8; // intermediate authorities between a client and its root

    struct FreeAll {
        void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
        void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
        void operator()(BIO* bio) const { BIO_free(bio); }
        void operator()(unsigned char* text) const { OPENSSL_free(text); }
    };
    template <class T>
    using Owned = std::unique_ptr<T, FreeAll>;

    /// The text of a name; nothing when a zero byte is in it, which others may take for its end.
    std::optional<std::string> text_of(const ASN1_STRING* text)
    {
        std::string copy(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text)));
        if (copy.empty() || copy.find('\0') != copy.npos)
            return std::nullopt;
        return copy;
    }

    /// Where a name belongs; null for kinds that say nothing here.
    std::vector<std::string>* place_of(const GENERAL_NAME& name, ClientCertificate& to)
    {
        switch (name.type) {
        case GEN_DNS:
            return &to.dns_names;
        case GEN_EMAIL:
            return &to.emails;
        case GEN_OTHERNAME:
            // RFC 6120 §13.7.1.4: id-on-xmppAddr, a UTF8String and nothing else.
            return OBJ_obj2nid(name.d.otherName->type_id) == NID_XmppAddr
                    && name.d.otherName->value->type == V_ASN1_UTF8STRING
                ? &to.xmpp_addresses
                : nullptr;
        default:
            return nullptr;
        }
    }

    const ASN1_STRING* string_of(const GENERAL_NAME& name)
    {
        switch (name.type) {
        case GEN_DNS:
            return name.d.dNSName;
        case GEN_EMAIL:
            return name.d.rfc822Name;
        default:
            return name.d.otherName->value->value.utf8string;
        }
    }

    /// The only common name of the subject; with two of them nobody knows who is meant.
    std::string common_name_of(const X509_NAME* subject)
    {
        const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
        if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
            return {};
        unsigned char* utf8 = nullptr;
        const int size = ASN1_STRING_to_UTF8(
            &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
        const Owned<unsigned char> owned(utf8);
        if (size <= 0 || std::memchr(utf8, 0, static_cast<std::size_t>(size)))
            return {};
        return { reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size) };
    }

    std::string printed(const X509_NAME* name)
    {
        const Owned<BIO> out(BIO_new(BIO_s_mem()));
        if (!out
            || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0)
            return {};
        char* text = nullptr;
        const long size = BIO_get_mem_data(out.get(), &text);
        return { text, static_cast<std::size_t>(size) };
    }

    std::string last_reason()
    {
        const auto* const reason = ERR_reason_error_string(ERR_peek_last_error());
        ERR_clear_error();
        return reason ? reason : "unknown error";
    }

    bool has_revocation_list(X509_STORE* store)
    {
        auto* const objects = X509_STORE_get0_objects(store);
        for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i)
            if (X509_OBJECT_get_type(sk_X509_OBJECT_value(objects, i)) == X509_LU_CRL)
                return true;
        return false;
    }

}

void ClientAuthorities::Free::operator()(x509_store_st* store) const
{
    X509_STORE_free(store);
}

ClientAuthorities::~ClientAuthorities() = default;

Result<std::unique_ptr<const ClientAuthorities>> ClientAuthorities::load(const std::string& file)
{
    const std::string what = "tls: client_ca '" + file + "': ";
    // OpenSSL would only say "system lib".
    const int opened = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (opened < 0)
        return Error { what + std::strerror(errno), Error::Kind::not_found };
    ::close(opened);
    std::unique_ptr<ClientAuthorities> made(new ClientAuthorities);
    made->store_.reset(X509_STORE_new());
    auto* const store = made->store_.get();
    auto* const lookup = store ? X509_STORE_add_lookup(store, X509_LOOKUP_file()) : nullptr;
    ERR_clear_error();
    if (!lookup || X509_load_cert_crl_file(lookup, file.c_str(), X509_FILETYPE_PEM) <= 0)
        return Error { what + "expected certificates, PEM: " + last_reason() };
    // A client's own certificate in the file is as good as an authority's: so one is let in alone.
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
    if (has_revocation_list(store))
        flags |= X509_V_FLAG_CRL_CHECK;
    X509_STORE_set_flags(store, flags);
    X509_STORE_set_depth(store, max_chain_depth);
    return std::unique_ptr<const ClientAuthorities>(std::move(made));
}

std::optional<ClientCertificate> ClientAuthorities::judge(ssl_st* session) const
{
    auto* const certificate = SSL_get0_peer_certificate(session);
    if (!certificate)
        return std::nullopt;
    auto described = describe_client_certificate(certificate);
    if (!described.problem.empty())
        return described;
    const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
    if (!context
        || X509_STORE_CTX_init(
               context.get(), store_.get(), certificate, SSL_get_peer_cert_chain(session))
            != 1
        || X509_STORE_CTX_set_default(context.get(), "ssl_client") != 1) {
        described.problem = last_reason();
        return described;
    }
    described.is_trusted = X509_verify_cert(context.get()) == 1;
    if (!described.is_trusted)
        described.problem = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
    ERR_clear_error();
    return described;
}

ClientCertificate describe_client_certificate(x509_st* certificate)
{
    ClientCertificate described;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest, &size) == 1)
        described.fingerprint = to_hex({ reinterpret_cast<const char*>(digest), size });
    const auto* const subject = X509_get_subject_name(certificate);
    described.common_name = common_name_of(subject);
    described.subject = printed(subject);

    const Owned<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const auto& name = *sk_GENERAL_NAME_value(names.get(), i);
        auto* const place = place_of(name, described);
        if (!place)
            continue;
        if (place->size() >= max_client_names) {
            described.problem = "too many names";
            break;
        }
        if (auto text = text_of(string_of(name)))
            place->push_back(*std::move(text));
    }
    ERR_clear_error();
    return described;
}

}
