// RFC 7622: taking addresses apart and preparing them.
#include "domain.h"
#include "precis.h"

#include <nuncio/jid.h>

#include <algorithm>
#include <array>

namespace nuncio::inline v1 {

namespace {

    constexpr std::size_t longest_part = 1023;

    constexpr bool is_excluded(char c)
    {
        // RFC 7622 §3.3.1.
        return std::string_view("\"&'/:<>@").find(c) != std::string_view::npos;
    }

    /// Bytes that preparation leaves as they are.
    enum Plain : unsigned char { local_byte = 1, resource_byte = 2 };
    constexpr auto plain_bytes = [] {
        std::array<unsigned char, 256> table {};
        for (unsigned c = 0x20; c < 0x7F; ++c) {
            unsigned is = resource_byte;
            if (c > 0x20 && !(c >= 'A' && c <= 'Z') && !is_excluded(static_cast<char>(c)))
                is |= local_byte;
            table[c] = static_cast<unsigned char>(is);
        }
        return table;
    }();

    bool is_plain(std::string_view text, Plain wanted)
    {
        return std::all_of(text.begin(), text.end(),
            [wanted](char c) { return plain_bytes[static_cast<unsigned char>(c)] & wanted; });
    }

    /// RFC 7622 §3.1: the resource begins after the first '/', the local part ends before the first
    /// '@' of what is left.
    struct Parts {
        explicit Parts(std::string_view text)
        {
            const auto slash = text.find('/');
            if (slash != text.npos)
                resource = text.substr(slash + 1);
            has_resource = slash != text.npos;
            domain = text.substr(0, slash);
            const auto at = domain.find('@');
            has_local = at != domain.npos;
            if (has_local) {
                local = domain.substr(0, at);
                domain.remove_prefix(at + 1);
            }
        }
        bool is_plain() const
        {
            return local.size() <= longest_part && resource.size() <= longest_part
                && local.empty() != has_local && resource.empty() != has_resource
                && nuncio::is_plain(local, local_byte) && domain::is_plain(domain)
                && nuncio::is_plain(resource, resource_byte);
        }

        std::string_view local;
        std::string_view domain;
        std::string_view resource;
        bool has_local = false;
        bool has_resource = false;
    };

    Result<std::string> checked(Result<std::string> prepared, const char* part)
    {
        if (!prepared)
            return Error { std::string(part) + ": " + prepared.error().text,
                prepared.error().kind };
        if (prepared->size() > longest_part)
            return Error { std::string(part) + ": longer than 1023 bytes", Error::Kind::limit };
        return prepared;
    }

    /// Preparation is not linear in time, and never makes a part that is so long short enough.
    bool is_hopeless(std::string_view text)
    {
        return text.size() > 4 * longest_part;
    }

    Error too_long(const char* part)
    {
        return { std::string(part) + ": longer than 1023 bytes", Error::Kind::limit };
    }

}

Result<std::string> prepare_local(std::string_view text)
{
    if (text.empty())
        return Error { "local part: empty" };
    if (is_hopeless(text))
        return too_long("local part");
    if (text.size() <= longest_part && is_plain(text, local_byte))
        return std::string(text);
    auto prepared = checked(precis::username_case_mapped(text), "local part");
    if (prepared && std::any_of(prepared->begin(), prepared->end(), is_excluded))
        return Error { "local part: one of \"&'/:<>@" };
    return prepared;
}

Result<std::string> prepare_resource(std::string_view text)
{
    if (text.empty())
        return Error { "resource: empty" };
    if (is_hopeless(text))
        return too_long("resource");
    if (text.size() <= longest_part && is_plain(text, resource_byte))
        return std::string(text);
    return checked(precis::opaque_string(text), "resource");
}

Result<std::string> prepare_password(std::string_view text)
{
    if (text.empty())
        return Error { "password: empty" };
    if (is_hopeless(text))
        return too_long("password");
    if (text.size() <= longest_part && is_plain(text, resource_byte))
        return std::string(text);
    return checked(precis::opaque_string(text), "password");
}

// ---- Jid ----

Jid::Jid(JidView view)
    : text_(view.text())
    , local_(view.local_)
    , domain_(view.domain_)
{
}

Result<Jid> Jid::parse(std::string_view text)
{
    Jid storage;
    const auto parsed = parse_view(text, storage);
    if (!parsed)
        return parsed.error();
    return storage.empty() ? Jid(*parsed) : std::move(storage);
}

Result<JidView> Jid::parse_view(std::string_view text, Jid& storage)
{
    const Parts parts(text);
    if (parts.is_plain())
        return JidView(text, static_cast<std::uint16_t>(parts.local.size()),
            static_cast<std::uint16_t>(parts.domain.size()));
    if (parts.has_local && parts.local.empty())
        return Error { "address: nothing before '@'" };
    if (parts.has_resource && parts.resource.empty())
        return Error { "address: nothing after '/'" };
    auto made = make(parts.local, parts.domain, parts.resource);
    if (!made)
        return made.error();
    storage = std::move(*made);
    return storage.view();
}

Result<Jid> Jid::make(std::string_view local, std::string_view domain, std::string_view resource)
{
    Jid made;
    if (!local.empty()) {
        auto prepared = prepare_local(local);
        if (!prepared)
            return prepared.error();
        made.local_ = static_cast<std::uint16_t>(prepared->size());
        made.text_ = std::move(*prepared) + "@";
    }
    const auto prepared = prepare_domain(domain);
    if (!prepared)
        return prepared.error();
    made.domain_ = static_cast<std::uint16_t>(prepared->size());
    made.text_ += *prepared;
    return resource.empty() ? made : made.with_resource(resource);
}

Result<Jid> Jid::with_resource(std::string_view resource) const
{
    const auto prepared = prepare_resource(resource);
    if (!prepared)
        return prepared.error();
    Jid made(view().bare());
    made.text_.append("/").append(*prepared);
    return made;
}

}
