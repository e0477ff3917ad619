#include "admin_nodes.h"

namespace nuncio::adhoc {

namespace {

    using From = AdminAnswer::From;

    AdminField accounts(const char* label)
    {
        return { .var = "accountjids", .type = "jid-multi", .label = label };
    }

    AdminField account(const char* label)
    {
        return { .var = "accountjid", .type = "jid-single", .label = label };
    }

    const AdminField password { .var = "password",
        .type = "text-private",
        .label = "The password for this account",
        .argument = "password" };

    const AdminField repeated { .var = "password-verify",
        .type = "text-private",
        .label = "Retype password",
        .repeats = "password" };

    const AdminField max_items { .var = "max_items",
        .type = "list-single",
        .label = "Maximum number of items to show",
        .argument = "limit",
        .is_required = false,
        .options = { "25", "50", "75", "100", "150", "200", "none" } };

}

std::span<const AdminNode> admin_nodes()
{
    static const std::vector<AdminNode> nodes {
        { .node = "add-user",
            .name = "Add User",
            .command = "register",
            .fields
            = { account("The Jabber ID for the account to be added"), password, repeated } },
        { .node = "delete-user",
            .name = "Delete User",
            .command = "unregister",
            .fields = { accounts("The Jabber ID(s) to delete") } },
        { .node = "disable-user",
            .name = "Disable User",
            .command = "disable",
            .fields = { accounts("The Jabber ID(s) to disable") } },
        { .node = "reenable-user",
            .name = "Re-Enable User",
            .command = "enable",
            .fields = { accounts("The Jabber ID(s) to re-enable") } },
        { .node = "end-user-session",
            .name = "End User Session",
            .command = "kick",
            .fields = { accounts("The Jabber ID(s) for which to end sessions") } },
        { .node = "change-user-password",
            .name = "Change User Password",
            .command = "change-password",
            .fields = { account("The Jabber ID for this account"), password } },
        { .node = "get-user-lastlogin",
            .name = "Get User Last Login Time",
            .command = "last-login",
            .fields = { accounts("The Jabber ID(s) for which to retrieve the last login time") },
            .answers = { { .var = "accountjids", .from = From::member },
                { .var = "lastlogin", .from = From::member, .key = "when" } } },
        // What is not counted here (stanzaspersecond, loginsperminute) is not told.
        { .node = "get-user-stats",
            .name = "Get User Statistics",
            .command = "user-resources",
            .fields = { account("The Jabber ID for statistics") },
            .answers = { { .var = "ipaddresses", .from = From::column, .key = "address" },
                { .var = "onlineresources", .from = From::resource } } },
        { .node = "get-registered-users-num",
            .name = "Get Number of Registered Users",
            .command = "account-count",
            .answers
            = { { .var = "registeredusersnum", .from = From::member, .key = "registered" } },
            .is_about_host = true },
        { .node = "get-disabled-users-num",
            .name = "Get Number of Disabled Users",
            .command = "account-count",
            .answers = { { .var = "disabledusersnum", .from = From::member, .key = "disabled" } },
            .is_about_host = true },
        { .node = "get-online-users-num",
            .name = "Get Number of Online Users",
            .command = "connected-users",
            .answers = { { .var = "onlineusersnum", .from = From::account_count } },
            .is_about_host = true,
            .fixed = { { "limit", "10000000" } } },
        { .node = "get-registered-users-list",
            .name = "Get List of Registered Users",
            .command = "accounts",
            .fields = { max_items },
            .answers = { { .var = "registereduserjids", .from = From::account } },
            .is_about_host = true },
        { .node = "get-disabled-users-list",
            .name = "Get List of Disabled Users",
            .command = "accounts",
            .fields = { max_items },
            .answers = { { .var = "disableduserjids", .from = From::account } },
            .is_about_host = true,
            .fixed = { { "state", "disabled" } } },
        { .node = "get-online-users-list",
            .name = "Get List of Online Users",
            .command = "connected-users",
            .fields = { max_items },
            .answers = { { .var = "onlineuserjids", .from = From::account } },
            .is_about_host = true },
    };
    return nodes;
}

}
