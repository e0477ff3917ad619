#include "request.h"

#include <algorithm>

namespace nuncio::pam {

namespace {

    constexpr std::size_t most_service_bytes = 64;

    std::string_view take_field(std::string_view& rest)
    {
        const auto end = std::min(rest.find(':'), rest.size());
        const auto field = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        return field;
    }

    /// Modules make paths, queries and log lines of it.
    bool is_user_name(std::string_view user)
    {
        return !user.empty() && user.size() <= most_user_bytes && user.front() != '-'
            && std::ranges::none_of(user, [](char byte) {
                   const auto value = static_cast<unsigned char>(byte);
                   return value <= 0x20 || value == 0x7F || byte == '/';
               });
    }

    bool is_password(std::string_view password)
    {
        return !password.empty() && password.size() <= most_password_bytes
            && password.find('\0') == password.npos;
    }

}

std::optional<Request> parse_request(std::string_view text)
{
    const auto kind = take_field(text);
    Request request;
    request.user = take_field(text);
    if (!is_user_name(request.user))
        return std::nullopt;
    if (kind == "isuser") {
        const bool is_server = !text.empty() && text.find(':') == text.npos;
        return is_server ? std::optional(request) : std::nullopt;
    }
    const auto server = take_field(text);
    if (kind != "auth" || server.empty() || !is_password(text))
        return std::nullopt;
    request.kind = Request::Kind::auth;
    request.password = text;
    return request;
}

bool is_service_name(std::string_view name)
{
    return !name.empty() && name.size() <= most_service_bytes && name.front() != '.'
        && std::ranges::all_of(name, [](char letter) {
               return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')
                   || (letter >= '0' && letter <= '9') || letter == '-' || letter == '_'
                   || letter == '.';
           });
}

bool is_own_service(std::string_view name)
{
    return name == "nuncio" || name == "xmpp" || name.starts_with("nuncio-")
        || name.starts_with("xmpp-");
}

}
