// What a directory knows of users beside their passwords: the ground of vCards and shared groups.
#pragma once

#include <nuncio/result.h>
#include <nuncio/task.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nuncio::inline v1 {

/// One attribute of a user. Values are UTF-8 text, or bytes where the attribute's syntax says so
/// (jpegPhoto). They come in no order (RFC 4511 §4.1.7).
struct UserAttribute {
    std::string name; ///< as it was asked for
    std::vector<std::string> values {};
};

/// Provided by a backend that reads users from a directory, `provide<UserDirectory>`, one for each
/// host. Called on any loop, concurrently.
class NUNCIO_API UserDirectory {
public:
    static constexpr std::string_view interface = "user-directory/1";
    virtual ~UserDirectory();

    /// Those of the attributes `names` that the user has, in that order. Names are the directory's
    /// own ("telephoneNumber"), in any case. No value: there is no such user, or it may not log in
    /// here. An Error of kind `limit` when the values are larger than the directory's plugin may
    /// fetch, `unavailable` when the directory does not answer. `user` is a prepared local part.
    virtual task<Result<std::optional<std::vector<UserAttribute>>>> attributes(
        std::string user, std::vector<std::string> names)
        = 0;
};

}
