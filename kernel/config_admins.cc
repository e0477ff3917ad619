#include "config_admins.h"

#include <nuncio/jid.h>

namespace nuncio::kernel {

void prepare_admins(std::vector<std::string>& admins, const Value* value, std::string_view path,
    std::vector<ConfigError>& errors)
{
    for (std::string& admin : admins) {
        const auto jid = Jid::parse(admin);
        if (jid && jid->is_bare() && !jid->is_domain()) {
            admin = jid->text();
            continue;
        }
        errors.push_back({ value ? value->place() : SourcePlace(),
            std::string(path) + ": expected accounts as \"ana@example.org\", not \"" + admin + '"'
                + (jid ? "" : ": " + jid.error().text) });
    }
}

}
