// Domain parts, over libidn2.
#include "domain.h"

#include <nuncio/jid.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cstdlib>
#include <idn2.h>
#include <memory>

namespace nuncio::inline v1 {

namespace {

    // RFC 1035 §2.3.4: 255 octets on the wire are 253 characters of text.
    constexpr std::size_t longest_name = 253;
    constexpr std::size_t longest_label = 63;

    struct Free {
        void operator()(char* text) const { std::free(text); }
    };
    using Allocated = std::unique_ptr<char, Free>;

    bool is_ascii(std::string_view text)
    {
        return std::all_of(
            text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) > 0; });
    }

    /// Letters, digits and hyphens, as DNS host names have them (RFC 1123 §2.1).
    bool is_host_label(std::string_view label)
    {
        if (label.empty() || label.size() > longest_label)
            return false;
        if (label.front() == '-' || label.back() == '-')
            return false;
        return std::all_of(label.begin(), label.end(),
            [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    }

    /// RFC 5891 §4.2.3.1: hyphens in the third and fourth place announce an encoding.
    bool is_encoded_label(std::string_view label)
    {
        return label.size() >= 4 && label[2] == '-' && label[3] == '-';
    }

    template <class Test>
    bool all_labels(std::string_view name, Test test)
    {
        if (name.empty() || name.size() > longest_name)
            return false;
        for (;;) {
            const auto dot = name.find('.');
            if (!test(name.substr(0, dot)))
                return false;
            if (dot == name.npos)
                return true;
            name.remove_prefix(dot + 1);
        }
    }

    /// `[…]`: an IPv6 address, written as RFC 5952 wants it.
    Result<std::string> prepare_ipv6(std::string_view text)
    {
        if (text.size() < 2 || text.back() != ']')
            return Error { "domain: ']' was expected at the end of an IPv6 address" };
        const std::string inner(text.substr(1, text.size() - 2));
        in6_addr address {};
        if (inner.find('\0') != inner.npos || inet_pton(AF_INET6, inner.c_str(), &address) != 1)
            return Error { "domain: not an IPv6 address between '[' and ']'" };
        char written[INET6_ADDRSTRLEN];
        inet_ntop(AF_INET6, &address, written, sizeof written);
        return "[" + std::string(written) + "]";
    }

    Error domain_error(int code)
    {
        return { std::string("domain: ") + idn2_strerror(code) };
    }

    // Not IDN2_USE_STD3_ASCII_RULES: it drops what it does not like instead of refusing it.
    Result<std::string> to_a_labels(const std::string& name)
    {
        std::uint8_t* found = nullptr;
        const int code = idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(name.c_str()), &found,
            IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
        const Allocated owner(reinterpret_cast<char*>(found));
        if (code != IDN2_OK)
            return domain_error(code);
        return std::string(owner.get());
    }

    Result<std::string> to_u_labels(const std::string& name)
    {
        char* found = nullptr;
        const int code = idn2_to_unicode_8z8z(name.c_str(), &found, 0);
        const Allocated owner(found);
        if (code != IDN2_OK)
            return domain_error(code);
        return std::string(owner.get());
    }

    Result<std::string> prepare_international(const std::string& name)
    {
        const auto ascii = to_a_labels(name);
        if (!ascii)
            return ascii.error();
        const bool host = all_labels(*ascii, [](std::string_view label) {
            return is_host_label(label) && (!is_encoded_label(label) || label.starts_with("xn--"));
        });
        if (!host)
            return Error { "domain: not a host name" };
        const auto prepared = to_u_labels(*ascii);
        if (!prepared)
            return prepared.error();
        // An A-label may decode to something that it is not the encoding of (RFC 5891 §5.4).
        const auto again = to_a_labels(*prepared);
        if (!again || *again != *ascii)
            return Error { "domain: a label that is no valid IDNA2008 label" };
        return *prepared;
    }

}

bool domain::is_plain(std::string_view text)
{
    return all_labels(text,
        [](std::string_view label) { return is_host_label(label) && !is_encoded_label(label); });
}

Result<std::string> prepare_domain(std::string_view text)
{
    constexpr std::size_t longest = 1023;
    if (text.starts_with('['))
        return prepare_ipv6(text);
    // RFC 7622 §3.2: a final dot is dropped before anything else.
    if (text.ends_with('.'))
        text.remove_suffix(1);
    if (text.empty())
        return Error { "domain: empty" };
    if (text.size() > longest)
        return Error { "domain: longer than 1023 bytes", Error::Kind::limit };
    std::string name(text);
    if (is_ascii(name)) {
        std::transform(name.begin(), name.end(), name.begin(),
            [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        if (domain::is_plain(name))
            return name;
    }
    if (name.find('\0') != name.npos)
        return Error { "domain: a zero byte" };
    auto prepared = prepare_international(name);
    if (!prepared)
        return prepared;
    if (prepared->size() > longest)
        return Error { "domain: longer than 1023 bytes", Error::Kind::limit };
    return prepared;
}

Result<std::string> domain_to_ascii(std::string_view domain)
{
    if (domain.starts_with('[') || domain::is_plain(domain))
        return std::string(domain);
    return to_a_labels(std::string(domain));
}

}
