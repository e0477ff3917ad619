// What the tests of SASL2 and of what comes with it share. Only tests include this.
#pragma once

#include "c2s_fixture.h"

#include <nuncio/crypto.h>
#include <nuncio/login_tokens.h>
#include <nuncio/scram.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::kernel::testing {

using namespace std::string_literals;

inline constexpr std::string_view client_id = "d4565fa7-4d72-4749-b3d3-740edbf87770";
inline constexpr std::string_view bind_wish
    = "<bind xmlns='urn:xmpp:bind:0'><tag>Gajim</tag></bind>";

inline std::string agent(std::string_view id = client_id)
{
    return "<user-agent id='" + std::string(id) + "'><software>Gajim</software></user-agent>";
}

inline std::string authenticate(
    std::string_view mechanism, std::string_view message, std::string_view beside = {})
{
    return "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='" + std::string(mechanism)
        + "'><initial-response>" + to_base64(message) + "</initial-response>" + std::string(beside)
        + "</authenticate>";
}

inline std::string plain(
    std::string_view user, std::string_view beside = {}, std::string_view password = "pencil")
{
    return authenticate("PLAIN", "\0"s + std::string(user) + "\0"s + std::string(password), beside);
}

inline std::string response(std::string_view message)
{
    return "<response xmlns='urn:xmpp:sasl:2'>" + to_base64(message) + "</response>";
}

/// What stands between `<name …>` and `</name>`.
inline std::string content(std::string_view xml, std::string_view name)
{
    const auto tag = xml.find("<" + std::string(name));
    if (tag == xml.npos)
        return "no " + std::string(name);
    const auto begin = xml.find('>', tag) + 1;
    return std::string(xml.substr(begin, xml.find("</" + std::string(name) + ">", tag) - begin));
}

inline std::string identity(std::string_view xml)
{
    return content(xml, "authorization-identifier");
}

inline std::string failure(std::string_view condition, std::string_view text = {})
{
    std::string xml = "<failure xmlns='urn:xmpp:sasl:2'><" + std::string(condition)
        + " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    if (!text.empty())
        xml.append("<text xml:lang='en'>").append(text).append("</text>");
    return xml + "</failure>";
}

inline std::string header_from(std::string_view from)
{
    std::string header(client_header);
    return header.insert(header.find(" to="), " from='" + std::string(from) + "'");
}

/// The client's side of SCRAM without channel binding; answers what the server says last. `between`
/// comes before the proof.
inline std::string scram(Client& client, std::string_view beside = {},
    const std::function<void()>& between = {}, std::string_view mechanism = "SCRAM-SHA-1",
    ScramHash hash = ScramHash::sha1)
{
    const auto challenge = client.say(authenticate(mechanism, "n,,n=juliet,r=fyko", beside));
    const auto first = *from_base64(content(challenge, "challenge"));
    const auto open = "c=biws," + first.substr(0, first.find(','));
    const auto salt = first.substr(first.find(",s=") + 3);
    const auto salted
        = scram_salted_password("pencil", *from_base64(salt.substr(0, salt.find(','))), 4096, hash);
    auto key = scram_client_key(salted, hash);
    const auto signature = hmac(hash, digest(hash, key), "n=juliet,r=fyko," + first + "," + open);
    for (std::size_t i = 0; i < key.size(); ++i)
        key[i] = static_cast<char>(key[i] ^ signature[i]);
    if (between)
        between();
    return client.say(response(open + ",p=" + to_base64(key)));
}

/// Keeps one token for juliet's client.
class TestTokens final : public LoginTokens {
public:
    std::string mechanism = "HT-SHA-256-NONE";
    bool is_expired = false;
    bool is_due = false;
    bool is_unavailable = false;
    bool throws = false;
    std::optional<Completion<bool>> gate {};
    std::string heard; ///< what was asked
    LoginTokenUse last_use;
    std::string last_mark; ///< of the token issued last
    std::string last_replaced;

    task<Result<std::vector<LoginToken>>> find(LoginClient client, std::string wanted) override
    {
        heard += "find " + client.user + ", ";
        if (gate)
            co_await *gate;
        if (throws)
            throw std::runtime_error("out of order");
        if (is_unavailable)
            co_return Error { "the disk does not answer", Error::Kind::unavailable };
        std::vector<LoginToken> tokens;
        if (client.user == "juliet" && client.id == client_id && wanted == mechanism)
            tokens = { { "other", "another secret" }, { "one", "secret", is_expired } };
        co_return tokens;
    }
    task<Result<bool>> use(LoginClient client, std::string id, LoginTokenUse use) override
    {
        heard += "use " + id + " of " + client.software + ", ";
        last_use = use;
        if (gate)
            co_await *gate;
        if (use.count == 1u)
            co_return Error { "counted before", Error::Kind::refused };
        if (use.password_mark != last_mark)
            co_return Error { "another password", Error::Kind::expired };
        co_return is_due;
    }
    task<Result<IssuedToken>> issue(LoginClient client, NewLoginToken wanted) override
    {
        heard += "issue " + wanted.mechanism + " to " + client.user + ", ";
        last_mark = wanted.password_mark;
        last_replaced = wanted.replaces;
        if (gate)
            co_await *gate;
        if (is_unavailable)
            co_return Error { "the disk does not answer", Error::Kind::unavailable };
        co_return IssuedToken { "new secret", WallTime(std::chrono::milliseconds(86400'000)) };
    }
};

inline std::string token_login(std::string_view fast = "<fast xmlns='urn:xmpp:fast:0'/>",
    std::string_view secret = "secret", std::string_view mechanism = "HT-SHA-256-NONE",
    std::string_view binding = {}, std::string_view user = "juliet")
{
    const auto proof = hmac(Hash::sha256, secret, "Initiator" + std::string(binding));
    return authenticate(mechanism, std::string(user) + "\0"s + proof, agent() + std::string(fast));
}

inline constexpr std::string_view issued
    = "<token xmlns='urn:xmpp:fast:0' expiry='1970-01-02T00:00:00Z' token='new secret'/>";

}
