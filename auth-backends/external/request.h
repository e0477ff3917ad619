// The requests of the external auth protocol, as ejabberd, Prosody and others send them.
#pragma once

#include <nuncio/result.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::external {

enum class Operation { auth, isuser, setpass, tryregister, removeuser };

/// Their names on the wire.
std::string_view to_text(Operation operation);
std::optional<Operation> operation_of(std::string_view text);
std::vector<std::string> operation_names();

/// `auth:User:Server:Password`, `isuser:User:Server`. Colons part the fields, and the password is
/// all after the third, so that neither user nor server may have one: `refused` then.
Result<std::string> make_request(Operation operation, std::string_view user,
    std::string_view server, std::string_view password = {});

}
