#include "directory.h"

#include <algorithm>
#include <ldap.h>
#include <set>

namespace nuncio::ldap {

namespace {

    using Clock = std::chrono::steady_clock;

    /// Names that the directory holds for equal and XMPP does not ("straße", "strasse") may find
    /// more than one entry; what matches beyond these is a filter that is too wide.
    constexpr int most_candidates = 8;

    constexpr const char* any_entry = "(objectClass=*)";

}

Link::~Link()
{
    servers.count(server, -(int(bool(searching)) + int(bool(checking))));
}

Directory::Directory(Rules rules, Log& log)
    : rules_(std::move(rules))
    , servers_(rules_.settings.servers, rules_.settings.server_rest)
    , log_(log)
{
}

Result<std::unique_ptr<Link>> Directory::connect()
{
    std::string failures;
    const auto began = Clock::now();
    for (const std::size_t server : servers_.order(began)) {
        // Whoever waited has gone by then; the thread is for those who come after.
        if (Clock::now() - began > rules_.settings.login_timeout)
            break;
        auto link = std::make_unique<Link>(servers_, server);
        // The connection that is needed first shows whether the server can be used.
        const auto connection = rules_.user_dn.empty() ? searching(*link) : checking(*link);
        if (connection)
            return link;
        failures += (failures.empty() ? "" : "; ") + connection.error().text;
    }
    return Error { failures, Error::Kind::unavailable };
}

/// Notes it as the server's, with the server's name.
Error Directory::failed(Link& link, Error error)
{
    const std::string& url = servers_.url(link.server);
    if (servers_.failed(link.server, Clock::now(), error.text))
        log_.warn("{} cannot be used: {}", url, error.text);
    return Error { url + ": " + error.text, error.kind };
}

template <class T>
Result<T> Directory::noted(Link& link, const Connection& connection, Result<T> result)
{
    // One that was closed while it was idle is no fault of the server's; connecting again tells.
    if (!result && result.error().kind == Error::Kind::unavailable && !connection.was_closed())
        return failed(link, result.error());
    return result;
}

Result<std::unique_ptr<Connection>> Directory::open(Link& link)
{
    auto made = Connection::open(servers_.url(link.server), rules_.settings);
    if (!made)
        return failed(link, { made.error().text, Error::Kind::unavailable });
    return made;
}

Result<Connection*> Directory::searching(Link& link)
{
    if (link.searching)
        return link.searching.get();
    auto made = open(link);
    if (!made)
        return made.error();
    const Settings& settings = rules_.settings;
    if (!settings.bind_dn.empty()) {
        const BindAnswer answer = (*made)->bind(settings.bind_dn, settings.bind_password);
        // Nobody can log in through a server that does not know us. That we are left alone with it
        // for a while protects the account from being locked, too.
        if (answer.code != LDAP_SUCCESS)
            return failed(link,
                { error_of(answer.code, answer.diagnostic, "bind as " + settings.bind_dn).text,
                    Error::Kind::unavailable });
    }
    link.searching = *std::move(made);
    servers_.count(link.server, 1);
    if (servers_.worked(link.server))
        log_.info("{} can be used again", servers_.url(link.server));
    return link.searching.get();
}

Result<Connection*> Directory::checking(Link& link)
{
    if (link.checking)
        return link.checking.get();
    auto made = open(link);
    if (!made)
        return made.error();
    link.checking = *std::move(made);
    servers_.count(link.server, 1);
    if (servers_.worked(link.server))
        log_.info("{} can be used again", servers_.url(link.server));
    return link.checking.get();
}

int Directory::scope() const
{
    const std::string& word = rules_.settings.scope;
    return word == "base" ? LDAP_SCOPE_BASE
        : word == "one"   ? LDAP_SCOPE_ONELEVEL
                          : LDAP_SCOPE_SUBTREE;
}

std::vector<std::string> Directory::name_attributes() const
{
    std::vector<std::string> names;
    for (const NameRule& rule : rules_.names)
        names.push_back(rule.attribute());
    return names;
}

std::string Directory::user_filter(const std::string& user) const
{
    std::string names;
    for (const NameRule& rule : rules_.names)
        names += "(" + rule.attribute() + "=" + escape_filter_value(rule.value_of(user)) + ")";
    if (rules_.names.size() > 1)
        names = "(|" + names + ")";
    if (rules_.filter.empty())
        return names;
    const Pattern::Subject subject { .user = user, .domain = rules_.domain };
    return "(&" + names + *rules_.filter.fill(subject, Escape::filter) + ")";
}

std::string Directory::list_filter() const
{
    std::string names;
    for (const NameRule& rule : rules_.names)
        names += "(" + rule.attribute() + "=*)";
    if (rules_.names.size() > 1)
        names = "(|" + names + ")";
    if (rules_.filter.empty())
        return names;
    const Pattern::Subject subject { .domain = rules_.domain, .any_user = true };
    return "(&" + names + *rules_.filter.fill(subject, Escape::filter) + ")";
}

std::string Directory::user_dn(const std::string& user) const
{
    return *rules_.user_dn.fill({ .user = user, .domain = rules_.domain },
        rules_.user_dn_is_dn ? Escape::dn : Escape::none);
}

/// The directory compares names by its own rules. Whoever it finds must have this very name, or
/// one entry would be several accounts.
bool Directory::is_entry_of(const Entry& entry, const std::string& user) const
{
    return std::ranges::any_of(rules_.names, [&](const NameRule& rule) {
        return std::ranges::any_of(entry.values(rule.attribute()),
            [&](const std::string& value) { return rule.user_of(value) == user; });
    });
}

std::optional<std::string> Directory::user_of(const Entry& entry) const
{
    for (const NameRule& rule : rules_.names)
        for (const std::string& value : entry.values(rule.attribute()))
            if (auto user = rule.user_of(value))
                return user;
    return {};
}

Result<std::optional<Entry>> Directory::locate(
    Connection& connection, const std::string& user, std::vector<std::string> attributes)
{
    const bool is_known = rules_.user_dn_is_dn; // where the entry is, before it was searched for
    Search search { .base = rules_.settings.base,
        .scope = scope(),
        .filter = user_filter(user),
        .attributes = name_attributes(),
        .size_limit = most_candidates };
    if (is_known) {
        search.base = user_dn(user);
        search.scope = LDAP_SCOPE_BASE;
        const Pattern::Subject subject { .user = user, .domain = rules_.domain };
        search.filter
            = rules_.filter.empty() ? any_entry : *rules_.filter.fill(subject, Escape::filter);
    }
    std::ranges::move(attributes, std::back_inserter(search.attributes));
    std::ranges::move(rules_.dn_filter.attributes(), std::back_inserter(search.attributes));
    auto found = connection.search(search);
    if (!found && found.error().kind != Error::Kind::limit)
        return found.error();
    auto several = [&] {
        log_.warn("several entries are {}'s: {} is too wide", user, search.filter);
        return Error { "several entries match " + search.filter, Error::Kind::refused };
    };
    if (!found)
        return several();
    if (!is_known)
        std::erase_if(
            found->entries, [&](const Entry& entry) { return !is_entry_of(entry, user); });
    if (found->entries.size() > 1)
        return several();

    // Asked for nobody's entry, too: who exists shall not be told by how long the answer takes.
    const Entry nobody { .dn = rules_.decoy_dn };
    const bool exists = !found->entries.empty();
    const auto passes
        = passes_dn_filter(connection, user, exists ? found->entries.front() : nobody);
    if (!passes)
        return passes.error();
    if (!exists || !*passes)
        return std::optional<Entry>();
    return std::optional(std::move(found->entries.front()));
}

Result<bool> Directory::passes_dn_filter(
    Connection& connection, const std::string& user, const Entry& entry)
{
    if (rules_.dn_filter.empty())
        return true;
    const auto filter = rules_.dn_filter.fill(
        { .user = user, .domain = rules_.domain, .entry = &entry }, Escape::filter);
    const Settings& settings = rules_.settings;
    const auto found = connection.search(
        { .base = settings.dn_filter_base.empty() ? settings.base : settings.dn_filter_base,
            .scope = LDAP_SCOPE_SUBTREE,
            .filter = filter.value_or("(!(objectClass=*))"),
            .size_limit = 1 });
    if (!found && found.error().kind == Error::Kind::limit)
        return true; // more than one will do as well
    if (!found)
        return found.error();
    return !found->entries.empty();
}

Result<std::optional<Entry>> Directory::find(
    Link& link, const std::string& user, std::vector<std::string> attributes)
{
    if (!rules_.user_dn.empty() && !rules_.user_dn_is_dn && rules_.settings.base.empty())
        return Error { "users can be looked up only where option base says", Error::Kind::refused };
    const auto connection = searching(link);
    if (!connection)
        return connection.error();
    return noted(link, **connection, locate(**connection, user, std::move(attributes)));
}

Result<bool> Directory::check_password(
    Link& link, const std::string& user, const std::string& password)
{
    // RFC 4513 §5.1.2: a bind with a name and without a password says nothing about either.
    if (password.empty())
        return false;
    return rules_.user_dn.empty() ? check_by_search(link, user, password)
                                  : check_by_pattern(link, user, password);
}

Result<bool> Directory::check_by_search(
    Link& link, const std::string& user, const std::string& password)
{
    const auto entry = find(link, user, {});
    if (!entry)
        return entry.error();
    const auto connection = checking(link);
    if (!connection)
        return connection.error();
    const bool exists = entry->has_value();
    const auto verdict = noted(link, **connection,
        try_password(**connection, exists ? (*entry)->dn : rules_.decoy_dn, password));
    if (!verdict && (exists || verdict.error().kind == Error::Kind::unavailable))
        return verdict.error();
    if (!exists)
        return false; // whatever the decoy said
    return answer(*verdict, user);
}

Result<bool> Directory::check_by_pattern(
    Link& link, const std::string& user, const std::string& password)
{
    const auto connection = checking(link);
    if (!connection)
        return connection.error();
    const auto verdict
        = noted(link, **connection, try_password(**connection, user_dn(user), password));
    if (!verdict)
        return verdict.error();
    if (*verdict != Verdict::right || (rules_.filter.empty() && rules_.dn_filter.empty()))
        return answer(*verdict, user);
    const auto entry = noted(link, **connection, locate(**connection, user, {}));
    if (!entry)
        return entry.error();
    return entry->has_value();
}

Result<Verdict> Directory::try_password(
    Connection& connection, const std::string& dn, const std::string& password)
{
    auto verdict = judge(connection.bind(dn, password));
    if (!verdict && verdict.error().kind == Error::Kind::refused)
        log_.warn("no answer to the password of {}: {}", dn, verdict.error().text);
    return verdict;
}

Result<bool> Directory::answer(Verdict verdict, const std::string& user)
{
    switch (verdict) {
    case Verdict::right:
        return true;
    case Verdict::wrong:
        return false;
    case Verdict::locked:
        log_.info("the directory has locked {}", user);
        if (!rules_.settings.tell_locked)
            return false;
        return Error { "the directory has locked " + user, Error::Kind::disabled };
    case Verdict::disabled:
        return Error { "the directory has disabled " + user, Error::Kind::disabled };
    case Verdict::expired:
        break;
    }
    return Error { "the password of " + user + " has to be changed", Error::Kind::expired };
}

Result<void> Directory::set_password(
    Link& link, const std::string& user, const std::string& password)
{
    const auto entry = find(link, user, {});
    if (!entry)
        return entry.error();
    if (!*entry)
        return Error { "the directory has no user " + user, Error::Kind::not_found };
    const auto connection = searching(link);
    if (!connection)
        return connection.error();
    return noted(link, **connection, (*connection)->set_password((*entry)->dn, password));
}

Result<std::vector<std::string>> Directory::list(Link& link)
{
    const auto connection = searching(link);
    if (!connection)
        return connection.error();
    const Settings& settings = rules_.settings;
    Search search { .base = settings.base,
        .scope = scope(),
        .filter = list_filter(),
        .attributes = name_attributes(),
        .page_size = settings.page_size };
    std::ranges::move(rules_.dn_filter.attributes(), std::back_inserter(search.attributes));
    const auto until = Clock::now() + settings.list_timeout;
    std::set<std::string> users;
    do {
        auto page = noted(link, **connection, (*connection)->search(search));
        if (!page)
            return page.error();
        for (const Entry& entry : page->entries) {
            auto user = user_of(entry);
            if (!user)
                continue;
            const auto passes
                = noted(link, **connection, passes_dn_filter(**connection, *user, entry));
            if (!passes)
                return passes.error();
            if (*passes)
                users.insert(*std::move(user));
            if (users.size() > settings.list_limit)
                return Error { "more than list_limit users", Error::Kind::limit };
            if (Clock::now() > until)
                return Error { "listing takes longer than list_timeout", Error::Kind::limit };
        }
        search.cookie = std::move(page->cookie);
    } while (!search.cookie.empty());
    return std::vector<std::string>(users.begin(), users.end());
}

Result<void> Directory::probe(Link& link)
{
    if (!rules_.user_dn.empty())
        return {}; // connected, and there may be nobody who is allowed to search
    const auto connection = searching(link);
    if (!connection)
        return connection.error();
    const auto found = noted(link, **connection,
        (*connection)
            ->search({ .base = rules_.settings.base,
                .scope = LDAP_SCOPE_BASE,
                .filter = any_entry,
                .size_limit = 1 }));
    if (!found)
        return found.error();
    if (found->entries.empty())
        return Error { "there is no entry \"" + rules_.settings.base
                + "\", or it may not be read: check base and bind_dn",
            Error::Kind::refused };
    return {};
}

}
