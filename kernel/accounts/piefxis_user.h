// XEP-0227 (PIEFXIS): a user.
#pragma once

#include "written_account.h"

#include <nuncio/xml.h>

#include <string>
#include <string_view>

namespace nuncio::kernel::accounts {

inline constexpr std::string_view ns_pie = "urn:xmpp:pie:0";

/// Of `<user/>`, below the `<host/>` with this address; all that is kept of it beside the password
/// is passed over.
Result<WrittenAccount> read_piefxis_user(ElementRef user, std::string_view host);

/// The other way, with a line's end.
std::string to_piefxis_user(const FileAccount& account);

}
