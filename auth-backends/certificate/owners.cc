#include "owners.h"

#include <nuncio/jid.h>

#include <algorithm>

namespace nuncio::certificate {

namespace {

    using Users = std::vector<std::string>;

    void add_address(Users& users, std::string_view address, const Rules& rules)
    {
        const auto jid = Jid::parse(address);
        if (jid && jid->is_bare() && !jid->local().empty() && jid->domain() == rules.domain)
            users.emplace_back(jid->local());
    }

    void add_local(Users& users, std::string_view name)
    {
        if (auto user = prepare_local(name); user && !user->empty())
            users.push_back(*std::move(user));
    }

    Users from_emails(const ClientCertificate& certificate, const Rules& rules)
    {
        Users users;
        for (const std::string_view email : certificate.emails) {
            const auto at = email.rfind('@');
            if (at == email.npos)
                continue;
            const auto domain = prepare_domain(email.substr(at + 1));
            if (domain
                && std::ranges::find(rules.email_domains, *domain) != rules.email_domains.end())
                add_local(users, email.substr(0, at));
        }
        return users;
    }

    Users from(Source source, const ClientCertificate& certificate, const Rules& rules,
        const Fingerprints& file)
    {
        Users users;
        switch (source) {
        case Source::xmpp:
            for (const std::string& address : certificate.xmpp_addresses)
                add_address(users, address, rules);
            return users;
        case Source::email:
            return from_emails(certificate, rules);
        case Source::common_name:
            if (certificate.common_name.find('@') != std::string::npos)
                add_address(users, certificate.common_name, rules);
            else
                add_local(users, certificate.common_name);
            return users;
        case Source::file:
            return file.find(certificate.fingerprint);
        }
        return users;
    }

}

std::vector<std::string> owners_of(
    const ClientCertificate& certificate, const Rules& rules, const Fingerprints& file)
{
    if (!certificate.is_trusted && rules.trusted_only)
        return {};
    for (const Source source : rules.sources) {
        if (!certificate.is_trusted && source != Source::file)
            continue;
        auto users = from(source, certificate, rules, file);
        if (!users.empty())
            return users;
    }
    return {};
}

}
