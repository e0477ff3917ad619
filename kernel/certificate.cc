#include "certificate.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace nuncio::kernel {

namespace {

    constexpr std::int64_t seconds_per_day = 24 * 60 * 60;
    constexpr std::int64_t warning_days = 14;

    struct CloseFile {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    Result<void> check_readable(const std::string& what, const std::string& file)
    {
        if (file.empty())
            return Error { "tls: no " + what + " file is given", Error::Kind::not_found };
        const std::unique_ptr<std::FILE, CloseFile> opened(std::fopen(file.c_str(), "re"));
        if (!opened)
            return Error { "tls: cannot read " + what + " '" + file + "': " + std::strerror(errno),
                Error::Kind::not_found };
        return {};
    }

    /// OpenSSL would ask at the terminal.
    int refuse_password(char*, int, int, void* was_asked)
    {
        *static_cast<bool*>(was_asked) = true;
        return -1;
    }

    std::string first_reason()
    {
        // The first error is the cause; what follows says only who failed because of it.
        const auto code = ERR_peek_error();
        const auto* const reason = ERR_reason_error_string(code);
        ERR_clear_error();
        if (ERR_GET_REASON(code) == PEM_R_NO_START_LINE
            || ERR_GET_REASON(code) == ERR_R_UNSUPPORTED)
            return "expected PEM";
        return reason ? reason : "unknown error";
    }

    std::string text_of(const ASN1_STRING* text)
    {
        return { reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
            static_cast<std::size_t>(ASN1_STRING_length(text)) };
    }

}

Result<void> use_certificate(ssl_ctx_st* context, const CertificateFiles& files)
{
    if (const auto readable = check_readable("certificate", files.certificate); !readable)
        return readable;
    if (const auto readable = check_readable("key", files.key); !readable)
        return readable;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
        return Error { "tls: certificate '" + files.certificate + "': " + first_reason() };
    bool is_encrypted = false;
    SSL_CTX_set_default_passwd_cb(context, refuse_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, &is_encrypted);
    const auto used
        = SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb(context, nullptr);
    SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
    if (!used) {
        if (is_encrypted) {
            ERR_clear_error();
            return Error { "tls: key '" + files.key
                + "' is encrypted; expected one without a password" };
        }
        const auto code = ERR_peek_last_error();
        if (ERR_GET_LIB(code) == ERR_LIB_X509) {
            ERR_clear_error();
            return Error { "tls: key '" + files.key + "' does not belong to certificate '"
                + files.certificate + "'" };
        }
        return Error { "tls: key '" + files.key + "': " + first_reason() };
    }
    if (SSL_CTX_check_private_key(context) != 1) {
        ERR_clear_error();
        return Error { "tls: key '" + files.key + "' does not belong to certificate '"
            + files.certificate + "'" };
    }
    return {};
}

TlsContext::Certificate describe_certificate(x509_st* certificate)
{
    TlsContext::Certificate described;
    std::tm until {};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &until) == 1)
        described.not_after = timegm(&until);
    auto* const names = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        const auto* const name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            described.names.push_back(text_of(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
    return described;
}

std::string certificate_warning(const TlsContext::Certificate& certificate, std::int64_t now)
{
    const auto what = "certificate '" + certificate.file + "' of " + certificate.domain;
    if (certificate.not_after <= now)
        return what + " has expired";
    const auto days = (certificate.not_after - now) / seconds_per_day;
    if (days < warning_days)
        return what + " expires in " + std::to_string(days) + " days";
    const std::string_view domain = certificate.domain;
    const auto covers = [domain](std::string_view name) {
        if (!name.starts_with("*."))
            return name == domain;
        const auto dot = domain.find('.');
        return dot != std::string_view::npos && domain.substr(dot) == name.substr(1);
    };
    // An international domain stands in its certificate in its ASCII form, which we don't know
    // here.
    const auto is_ascii
        = std::ranges::all_of(domain, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (is_ascii && std::ranges::none_of(certificate.names, covers))
        return what + " does not name that domain";
    return {};
}

}
