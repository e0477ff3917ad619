// XEP-0133: Service Administration, as other names for commands of the server.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace nuncio::adhoc {

inline constexpr std::string_view ns_admin = "http://jabber.org/protocol/admin";
/// The option of `max_items` that asks for everything.
inline constexpr std::string_view no_bound = "none";

/// A field of one of its forms, and the argument that it becomes.
struct AdminField {
    const char* var;
    const char* type; ///< a `-multi` calls the command once for each value
    const char* label;
    const char* argument = "jid";
    bool is_required = true;
    const char* repeats = nullptr; ///< no argument, but must equal this field
    std::vector<const char*> options {};
};

/// A field of a result, and where the command's answer has it.
struct AdminAnswer {
    enum class From {
        member, ///< of the table that is answered
        column, ///< of each row
        resource, ///< of each row's `jid`
        account, ///< the bare address of each row's `jid`, each once
        account_count, ///< how many of these
    };
    const char* var;
    From from;
    const char* key = "jid"; ///< of `member` and `column`
};

struct AdminNode {
    std::string_view node; ///< behind `#`
    const char* name; ///< as the XEP has it
    std::string_view command;
    std::vector<AdminField> fields {};
    std::vector<AdminAnswer> answers {}; ///< none: a note says that it is done
    bool is_about_host = false; ///< the argument `host` is the host that is asked
    std::vector<std::pair<std::string_view, std::string_view>> fixed {}; ///< further arguments
};

/// Those that have a counterpart here, in the order of the XEP.
std::span<const AdminNode> admin_nodes();

}
