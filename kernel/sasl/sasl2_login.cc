#include "sasl2_login.h"

#include "channel_binding.h"
#include "hashed_token.h"

#include <nuncio/jid.h>
#include <nuncio/ns.h>

#include <algorithm>
#include <charconv>

namespace nuncio::kernel::sasl {

namespace {

    // What a client tells of itself is kept with its token, for lists.
    constexpr std::size_t max_agent_text_bytes = 128;

    bool is_true(std::string_view boolean)
    {
        return boolean == "1" || boolean == "true";
    }
    bool is_boolean(std::string_view text)
    {
        return is_true(text) || text == "0" || text == "false";
    }

    /// Not in the middle of a character.
    std::string cut(std::string text)
    {
        if (text.size() <= max_agent_text_bytes)
            return text;
        std::size_t end = max_agent_text_bytes;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
            --end;
        text.resize(end);
        return text;
    }

    /// RFC 9562 §4 in lower case; empty for anything else.
    std::string uuid(std::string_view text)
    {
        constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
        if (text.size() != shape.size())
            return {};
        std::string lower;
        for (std::size_t i = 0; i < shape.size(); ++i) {
            const char c = text[i];
            const bool is_hex
                = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
            if (shape[i] == 'x' ? !is_hex : c != '-')
                return {};
            lower += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        return lower;
    }

    const ScramHash* find_upgrade(std::string_view name)
    {
        const auto found = std::ranges::find(upgradable, name, upgrade_name);
        return found == std::end(upgradable) ? nullptr : found;
    }

}

std::string_view upgrade_name(ScramHash hash)
{
    return hash == ScramHash::sha512 ? "UPGR-SCRAM-SHA-512" : "UPGR-SCRAM-SHA-256";
}

bool has_hash(const AuthAbilities& abilities, ScramHash hash)
{
    return hash == ScramHash::sha512 ? abilities.scram_sha512
        : hash == ScramHash::sha256  ? abilities.scram_sha256
                                     : abilities.scram_sha1;
}

Sasl2Login::Sasl2Login(Element authenticate)
    : request(std::move(authenticate))
{
    if (const ElementRef agent = request.child("user-agent")) {
        client.id = uuid(agent.attr("id"));
        if (agent.has_attr("id") && client.id.empty())
            problem_ = "the id of a user agent must be a UUID";
        client.software = cut(agent.child("software").text());
        client.device = cut(agent.child("device").text());
    }
    bind = request.child("bind", ns_bind2);
    if (bind)
        tag = bind.child("tag").text();
    if (const ElementRef wish = request.child("request-token", ns_fast))
        wanted_token = wish.has_attr("mechanism") ? wish.attr("mechanism") : "none";
    if (const ElementRef fast = request.child("fast", ns_fast))
        read_fast(fast);
    for (const ElementRef child : request.ref())
        if (child.is("upgrade", ns_sasl_upgrade))
            if (const ScramHash* hash = find_upgrade(child.text());
                hash && std::ranges::count(upgrades, *hash) == 0)
                upgrades.push_back(*hash);
}

void Sasl2Login::read_fast(ElementRef fast)
{
    is_by_token = true;
    if (fast.has_attr("invalidate")) {
        const auto invalidate = fast.attr("invalidate");
        token_use.invalidates = is_true(invalidate);
        if (!is_boolean(invalidate))
            problem_ = "invalidate must be a boolean";
    }
    if (!fast.has_attr("count"))
        return;
    const auto text = fast.attr("count");
    std::uint32_t count = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failure != std::errc() || end != text.data() + text.size() || count == 0)
        problem_ = "the count must be a positive number";
    token_use.count = count;
}

std::string_view Sasl2Login::problem(const Terms& terms) const
{
    if (!problem_.empty())
        return problem_;
    const bool is_ht = find_token_mechanism(request.attr("mechanism"));
    if (terms.has_tokens && is_ht != is_by_token)
        return "a token comes with a mechanism for tokens and with fast";
    if (terms.has_tokens && is_by_token && client.id.empty())
        return "a token comes with the id of its user agent";
    if (terms.has_tokens && !wanted_token.empty()) {
        const auto* wanted = find_token_mechanism(wanted_token);
        if (!wanted || !is_available(*wanted, terms.bindings))
            return "a token is for one of the mechanisms offered for tokens";
        if (client.id.empty())
            return "a token is for a user agent with an id";
    }
    if (!bind)
        return {};
    const std::string resource
        = (tag.empty() ? tag : tag + '/') + std::string(inline_resource_bytes, 'x');
    if (resource.size() > terms.resource_bytes)
        return "the tag is too long";
    if (!Jid::make("x", terms.domain, resource))
        return "the tag cannot be part of a resource";
    return {};
}

LoginClient Sasl2Login::client_of(std::string user) const
{
    LoginClient of = client;
    of.user = std::move(user);
    return of;
}

}
