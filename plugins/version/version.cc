// XEP-0092: Software Version.
#include <nuncio/plugin.h>

#include <sys/utsname.h>

namespace nuncio::version {

constexpr std::string_view ns_version = "jabber:iq:version";

struct Settings {
    bool show_os = false;
};

class Version final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Tells which software this is")
            .option("show_os", &Settings::show_os,
                "Tell the operating system too; it helps attackers more than users.");
    }

    Result<void> configure(const Config& config) override
    {
        if (utsname system; config.as<Settings>().show_os && uname(&system) == 0)
            os_ = std::string(system.sysname) + " " + system.release;
        return {};
    }

    Result<void> start(Context& context) override
    {
        context.on_iq(
            Component::local, ns_version, {}, [this](const Iq& iq) { return answer(iq); });
        return {};
    }

private:
    IqReply answer(const Iq& iq) const
    {
        if (iq.is_set())
            return StanzaError::Condition::not_allowed;
        Element query("query", ns_version);
        query.add("name").text("nuncio");
        query.add("version").text(sdk_version);
        if (!os_.empty())
            query.add("os").text(os_);
        return query;
    }

    std::string os_;
};

}

NUNCIO_PLUGIN(nuncio::version::Version, "version", "0.1.0", "XEP-0092: Software Version")
