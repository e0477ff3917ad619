// Tells how much processor time the server has used: how a plugin answers requests.
#include <nuncio/plugin.h>

#include <cstdio>
#include <ctime>

namespace nuncio::cputime {

constexpr std::string_view ns_cputime = "ejabberd:cputime";

IqReply answer(const Iq& iq)
{
    if (iq.is_set())
        return StanzaError::Condition::not_allowed;

    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.3f", double(std::clock()) / CLOCKS_PER_SEC);
    Element query("query", ns_cputime);
    query.add("cputime").text(seconds);
    return query;
}

class Cputime final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        context.on_iq(
            Component::local, ns_cputime, { .discipline = Discipline::one_queue() }, answer);
        return {};
    }
};

}

NUNCIO_PLUGIN(nuncio::cputime::Cputime, "cputime", "0.1.0", "Processor time used by the server")
