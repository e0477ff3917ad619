// The key that tokens are derived with: in a file of its own, apart from what is stored of them.
#pragma once

#include <nuncio/result.h>

#include <string>

namespace nuncio::fast {

/// Reads it from `folder`; makes it when there is none.
Result<std::string> load_key(const std::string& folder);

/// The token `id` of a client, as text. Who reads the storage knows the arguments, but not the key.
std::string derive_secret(
    const std::string& key, std::string_view owner, std::string_view client, std::string_view id);

/// What is stored of AuthBackend::password_mark: with the storage alone nobody can try out what it
/// was made of. Empty stays empty.
std::string seal_mark(const std::string& key, std::string_view owner, std::string_view mark);

}
