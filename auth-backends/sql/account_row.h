// What a password query answered, read by the names of its columns.
#pragma once

#include "driver.h"
#include "password.h"

namespace nuncio::sql {

/// A user may have several rows: one for each hash, for instance.
struct AccountRow {
    std::vector<StoredPassword> passwords;
    bool is_disabled = false;
    bool is_expired = false;
};
inline constexpr std::size_t max_rows_of_user = 8;

/// No value: there is no such user. A row of somebody else, whom the database takes for the same
/// (upper case, accents), does not count: where there is a column `username` or `user`, it must be
/// `user` or `user@domain` to the letter.
Result<std::optional<AccountRow>> read_account(
    const Answer& answer, std::string_view user, std::string_view domain);

/// A digest of all that is stored of the passwords; another one after any of them was changed, or
/// stored in another way.
std::string password_mark(const AccountRow& account);

/// What is wrong with the columns of a password query; empty: nothing.
std::string problem_with(const std::vector<std::string>& columns);

/// Whether a column says yes: anything but NULL, 0, f, false, n, no and nothing.
bool is_true(const Field& field);

}
