#include "driver.h"

#include <algorithm>

namespace nuncio::sql {

namespace {

    constexpr Driver built[] = {
#ifdef NUNCIO_SQL_POSTGRESQL
        { "postgresql", Syntax::postgresql, connect_postgresql },
#endif
#ifdef NUNCIO_SQL_MARIADB
        { "mariadb", Syntax::mariadb, connect_mariadb },
#endif
#ifdef NUNCIO_SQL_ODBC
        { "odbc", Syntax::odbc, connect_odbc },
#endif
    };

}

std::span<const Driver> drivers()
{
    return built;
}

const Driver* find_driver(std::string_view name)
{
    const auto found = std::ranges::find(built, name, &Driver::name);
    return found == std::end(built) ? nullptr : &*found;
}

Error::Kind kind_of(std::string_view sqlstate)
{
    const auto group = sqlstate.substr(0, 2);
    if (group == "23")
        return Error::Kind::conflict;
    // Connection, rolled back, out of resources, shutting down, the system's own failures; HYT is
    // ODBC's time-out. All of them may pass, and a new connection does no harm.
    constexpr std::string_view passing[] = { "08", "40", "53", "57", "58" };
    if (std::ranges::find(passing, group) != std::end(passing) || sqlstate.starts_with("HYT"))
        return Error::Kind::unavailable;
    return Error::Kind::internal;
}

Error too_many_rows(std::size_t most)
{
    return { "the query answered more than " + std::to_string(most) + " rows" };
}

Error too_long_field()
{
    return { "the query answered a field of more than " + std::to_string(max_field_bytes)
        + " bytes" };
}

}
