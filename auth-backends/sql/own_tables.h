// The tables that nuncio makes for itself, when a site has none.
#pragma once

#include "driver.h"

namespace nuncio::sql {

/// What a site's own queries would be for them.
namespace own {
    inline constexpr std::string_view password_query
        = "SELECT username, password, disabled FROM nuncio_accounts "
          "WHERE domain = :domain AND username = :user";
    inline constexpr std::string_view set_query = "UPDATE nuncio_accounts SET password = :password "
                                                  "WHERE domain = :domain AND username = :user";
    inline constexpr std::string_view upgrade_query
        = "UPDATE nuncio_accounts SET password = :password "
          "WHERE domain = :domain AND username = :user AND password = :old_password";
    inline constexpr std::string_view create_query
        = "INSERT INTO nuncio_accounts (domain, username, password) "
          "VALUES (:domain, :user, :password)";
    inline constexpr std::string_view remove_query
        = "DELETE FROM nuncio_accounts WHERE domain = :domain AND username = :user";
    inline constexpr std::string_view list_query
        = "SELECT username FROM nuncio_accounts WHERE domain = :domain AND username > :after "
          "ORDER BY username LIMIT :limit";
}

/// Makes what is missing; several servers may do so at the same time. An error when the tables are
/// of a later version, or the database is of a kind whose SQL is not known here.
Result<void> ensure_own_tables(Connection& connection);

}
