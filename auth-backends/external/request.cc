#include "request.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nuncio::external {

namespace {

    using Name = std::pair<Operation, std::string_view>;
    constexpr std::array<Name, 5> names { Name { Operation::auth, "auth" },
        Name { Operation::isuser, "isuser" }, Name { Operation::setpass, "setpass" },
        Name { Operation::tryregister, "tryregister" },
        Name { Operation::removeuser, "removeuser" } };

    bool has_password(Operation operation)
    {
        return operation != Operation::isuser && operation != Operation::removeuser;
    }

}

std::string_view to_text(Operation operation)
{
    return std::ranges::find(names, operation, &Name::first)->second;
}

std::optional<Operation> operation_of(std::string_view text)
{
    const auto found = std::ranges::find(names, text, &Name::second);
    if (found == names.end())
        return std::nullopt;
    return found->first;
}

std::vector<std::string> operation_names()
{
    std::vector<std::string> texts;
    for (const auto& name : names)
        texts.emplace_back(name.second);
    return texts;
}

Result<std::string> make_request(
    Operation operation, std::string_view user, std::string_view server, std::string_view password)
{
    for (const std::string_view field : { user, server })
        if (field.find(':') != field.npos)
            return Error { '"' + std::string(field)
                    + "\" has a colon, which the protocol of auth scripts cannot carry there",
                Error::Kind::refused };
    std::string request(to_text(operation));
    request.append(":").append(user).append(":").append(server);
    if (has_password(operation))
        request.append(":").append(password);
    return request;
}

}
