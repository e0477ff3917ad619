// The directory as the backend sees it: users, found and asked for their passwords.
#pragma once

#include "connection.h"
#include "settings.h"

#include <nuncio/log.h>
#include <nuncio/result.h>
#include <nuncio/servers.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nuncio::ldap {

/// What one job has for itself: up to two connections to one server, since who is bound as a user
/// cannot search as the administrator meant it. Made when first needed.
struct Link {
    Link(Servers& of, std::size_t which)
        : servers(of)
        , server(which)
    {
    }
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link();

    Servers& servers;
    const std::size_t server;
    const std::chrono::steady_clock::time_point made = std::chrono::steady_clock::now();
    std::unique_ptr<Connection> searching {}; ///< bound as bind_dn
    std::unique_ptr<Connection> checking {}; ///< bound as whoever logged in last
};

/// Everything here blocks, and runs on threads of the plugin's own. Links are one thread's at a
/// time. An Error of kind `unavailable` means that the Link is of no more use.
class Directory {
public:
    Directory(Rules rules, Log& log);

    /// A connection to the first server that can be used.
    Result<std::unique_ptr<Link>> connect();

    Result<bool> check_password(Link& link, const std::string& user, const std::string& password);
    /// The user's entry with these attributes; none: no such user, or not for this host.
    Result<std::optional<Entry>> find(
        Link& link, const std::string& user, std::vector<std::string> attributes);
    Result<void> set_password(Link& link, const std::string& user, const std::string& password);
    /// All users by name.
    Result<std::vector<std::string>> list(Link& link);
    /// Whether the base is there: for the check at the start.
    Result<void> probe(Link& link);

    /// A row for each server.
    Value health() const { return servers_.health(); }

private:
    Result<Connection*> searching(Link& link);
    Result<Connection*> checking(Link& link);
    Result<std::unique_ptr<Connection>> open(Link& link);
    Error failed(Link& link, Error error);

    /// Asks over the connection, in the name of whoever it is bound as.
    Result<std::optional<Entry>> locate(
        Connection& connection, const std::string& user, std::vector<std::string> attributes);
    Result<bool> passes_dn_filter(
        Connection& connection, const std::string& user, const Entry& entry);
    Result<bool> check_by_search(Link& link, const std::string& user, const std::string& password);
    Result<bool> check_by_pattern(Link& link, const std::string& user, const std::string& password);
    Result<Verdict> try_password(
        Connection& connection, const std::string& dn, const std::string& password);
    Result<bool> answer(Verdict verdict, const std::string& user);

    std::string user_filter(const std::string& user) const;
    std::string list_filter() const;
    std::string user_dn(const std::string& user) const;
    int scope() const;
    bool is_entry_of(const Entry& entry, const std::string& user) const;
    std::optional<std::string> user_of(const Entry& entry) const;
    std::vector<std::string> name_attributes() const;
    template <class T>
    Result<T> noted(Link& link, const Connection& connection, Result<T> result);

    const Rules rules_;
    Servers servers_;
    Log& log_;
};

}
