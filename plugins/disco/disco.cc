// XEP-0030: Service Discovery, with XEP-0115 in the stream features, XEP-0128 and XEP-0157.
#include "capabilities.h"

#include <nuncio/plugin.h>
#include <nuncio/roster.h>

#include <mutex>
#include <utility>

namespace nuncio::disco {

/// XEP-0115 §4: names the software.
constexpr std::string_view caps_node = "urn:nuncio:server";

struct Settings {
    std::string name = "nuncio";
    std::vector<std::string> abuse, admin, feedback, sales, security, status, support;
};

class Disco final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Answers what the server and its accounts can do")
            .option("name", &Settings::name, "What the server calls itself.")
            .option("abuse_addresses", &Settings::abuse,
                "URIs where to report abuse (XEP-0157), as \"mailto:abuse@example.org\".")
            .option("admin_addresses", &Settings::admin, "URIs of the administrators.")
            .option("feedback_addresses", &Settings::feedback, "URIs for praise and complaints.")
            .option("sales_addresses", &Settings::sales, "URIs of the sales people.")
            .option("security_addresses", &Settings::security, "URIs for security concerns.")
            .option("status_addresses", &Settings::status, "URIs that tell the service's status.")
            .option("support_addresses", &Settings::support, "URIs of the support.");
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        roster_ = context.service<RosterService>();
        context.identity(Component::local, { "server", "im", settings_.name });
        context.identity(Component::sm, { "account", "registered" });
        context.feature(Component::local, ns_caps);
        add_contact_addresses();
        for (const auto ns : { ns_disco_info, ns_disco_items }) {
            context.on_iq(Component::local, ns, {}, [this](const Iq& iq) { return server(iq); });
            context.on_iq(Component::sm, ns, {}, [this](const Iq& iq) { return account(iq); });
        }
        context.on<StreamFeatures>([this](StreamFeatures& event) { return add_caps(event); });
        return {};
    }

private:
    using Condition = StanzaError::Condition;

    void add_contact_addresses()
    {
        Element form = result_form("http://jabber.org/network/serverinfo");
        bool is_empty = true;
        const std::pair<const char*, const std::vector<std::string>&> fields[] = {
            { "abuse-addresses", settings_.abuse },
            { "admin-addresses", settings_.admin },
            { "feedback-addresses", settings_.feedback },
            { "sales-addresses", settings_.sales },
            { "security-addresses", settings_.security },
            { "status-addresses", settings_.status },
            { "support-addresses", settings_.support },
        };
        for (const auto& [name, addresses] : fields) {
            if (addresses.empty())
                continue;
            add_field(form, name, addresses);
            is_empty = false;
        }
        if (!is_empty)
            context_->form(Component::local, std::move(form));
    }

    task<IqReply> server(const Iq& iq)
    {
        const auto directory = context_->host().directory(Component::local);
        const std::string own_node = std::string(caps_node) + "#" + current_version(directory);
        if (iq.payload().attr("node") != own_node)
            if (const auto answer = ask_plugins(iq, Component::local))
                co_return co_await *answer;
        co_return tell(iq, *directory, own_node);
    }

    task<IqReply> account(const Iq& iq)
    {
        // XEP-0030 §8: a stranger learns nothing, not even whether there is such an account.
        const bool sees
            = co_await may_see_presence(roster_.get(), AccountRef(*iq.account()), Jid(iq.from()));
        if (!sees)
            co_return Condition::service_unavailable;
        if (const auto answer = ask_plugins(iq, Component::sm))
            co_return co_await *answer;
        Directory directory = *context_->host().directory(Component::sm);
        AccountDescribed event { *iq.account(), directory };
        context_->emit(event);
        co_return tell(iq, directory, {});
    }

    /// Nothing: no plugin has the node that is asked for.
    std::optional<Completion<IqReply>> ask_plugins(const Iq& iq, Component component)
    {
        const auto node = iq.payload().attr("node");
        if (node.empty() || !iq.is_get())
            return {};
        NodeAsked event { .request = iq, .component = component, .node = node };
        context_->emit(event);
        return event.answer;
    }

    static IqReply tell(const Iq& iq, const Directory& directory, std::string_view known_node)
    {
        if (iq.is_set())
            return Condition::not_allowed;
        const auto node = iq.payload().attr("node");
        const bool about_info = iq.payload().ns() == ns_disco_info;
        if (!node.empty() && !(about_info && node == known_node))
            return Condition::item_not_found;
        return about_info ? disco_info(directory, node) : disco_items(directory, node);
    }

    /// XEP-0115 §6.3: who is connected anyway need not ask what the server can do.
    Flow add_caps(StreamFeatures& event)
    {
        if (event.phase != StreamFeatures::Phase::bind)
            return Flow::next;
        event.features.add("c", ns_caps)
            .attr("hash", "sha-1")
            .attr("node", caps_node)
            .attr("ver", current_version(context_->host().directory(Component::local)));
        return Flow::next;
    }

    /// The directory changes only when plugins come and go.
    std::string current_version(const std::shared_ptr<const Directory>& directory)
    {
        const std::lock_guard lock(mutex_);
        if (directory != described_) {
            described_ = directory;
            version_ = verification(*directory);
        }
        return version_;
    }

    Settings settings_;
    Context* context_ = nullptr;
    ServiceRef<RosterService> roster_;
    std::mutex mutex_; // any loop asks for the version
    std::shared_ptr<const Directory> described_; // shared: of the host's published table
    std::string version_;
};

}

NUNCIO_PLUGIN(nuncio::disco::Disco, "disco", "0.1.0", "XEP-0030: Service Discovery")
