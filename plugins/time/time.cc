// XEP-0202: Entity Time.
#include <nuncio/date.h>
#include <nuncio/plugin.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace nuncio::entity_time {

constexpr std::string_view ns_time = "urn:xmpp:time";

/// XEP-0082 §3.3: "+02:00"; "Z" for UTC itself.
std::string zone_offset(WallTime now)
{
    const std::time_t seconds
        = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    std::tm local {};
    localtime_r(&seconds, &local);
    const long minutes = local.tm_gmtoff / 60;
    if (minutes == 0)
        return "Z";
    char text[16];
    std::snprintf(text, sizeof text, "%c%02ld:%02ld", minutes < 0 ? '-' : '+',
        std::labs(minutes) / 60 % 100, std::labs(minutes) % 60);
    return text;
}

IqReply answer(const Iq& iq)
{
    if (iq.is_set())
        return StanzaError::Condition::not_allowed;
    const WallTime now = Loop::current()->wall_time();
    Element time("time", ns_time);
    time.add("tzo").text(zone_offset(now));
    time.add("utc").text(utc_text(now));
    return time;
}

class Time final : public Plugin {
public:
    Result<void> start(Context& context) override
    {
        context.on_iq(Component::local, ns_time, {}, answer);
        return {};
    }
};

}

NUNCIO_PLUGIN(nuncio::entity_time::Time, "time", "0.1.0", "XEP-0202: Entity Time")
