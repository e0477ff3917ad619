// From a request to its handler: access, then the handler's discipline.
#include "iq_dispatch.h"

#include "iq_queue.h"
#include "plugin_task.h"
#include "router.h"
#include "server.h"
#include "virtual_host.h"

#include <charconv>

namespace nuncio::kernel {

namespace {

    bool may_ask(Access access, Component component, const Stanza& request, const Host& host)
    {
        const JidView from = request.from();
        switch (access) {
        case Access::anyone:
            return true;
        case Access::owner:
            if (component == Component::sm)
                return from.bare() == request.to().bare();
            [[fallthrough]]; // The server has no owner; its own users come nearest.
        case Access::local_users:
            return !from.local().empty() && from.domain() == host.domain();
        }
        return false;
    }

}

IqReply call_handler(PluginInstance& instance, Registrations::IqHandler& handler, const Iq& iq)
{
    const InPlugin inside(instance, handler.meter);
    const Handling handling(iq.stanza());
    try {
        return handler.handler(iq);
    } catch (...) {
        const std::string text = thrown_text();
        instance.log().error("its iq handler of {} threw: {}", handler.ns, text);
        if (handler.meter)
            handler.meter->count_failure();
        return StanzaError::Condition::internal_server_error;
    }
}

void dispatch_iq(VirtualHost& host, const IqEntry& entry, Stanza&& stanza, AccountRef account)
{
    Registrations::IqHandler& handler = *entry.handler;
    if (!may_ask(handler.options.access, handler.component, stanza, host)) {
        // RFC 6121 §8.5.1: what is not for the asker looks as if it did not exist.
        host.route(stanza.error_reply({ StanzaError::Condition::service_unavailable }));
        return;
    }
    const bool is_demoted = handler.strand && handler.meter && handler.meter->is_demoted();
    if (IqQueue* const queue = is_demoted ? handler.strand.get() : handler.queue.get()) {
        // An account belongs to its loop; a handler in the pool must not see it.
        if (queue->runs() == IqQueue::Runs::in_pool)
            account = {};
        queue->push(std::make_unique<IqCall>(
            *entry.instance, handler, host, std::move(stanza), std::move(account)));
        return;
    }
    Iq iq(std::move(stanza), host, account ? &*account : nullptr);
    const IqReply reply = call_handler(*entry.instance, handler, iq);
    host.server().router().route(reply.stanza(iq.take_stanza()));
}

Result<Discipline> parse_discipline(std::string_view text)
{
    if (text == "no_queue")
        return Discipline::no_queue();
    if (text == "one_queue")
        return Discipline::one_queue();
    if (text == "parallel")
        return Discipline::parallel();
    constexpr std::string_view queues = "queues(";
    constexpr std::uint32_t most_queues = 1024;
    if (text.starts_with(queues) && text.ends_with(')')) {
        std::uint32_t count = 0;
        const char* const end = text.data() + text.size() - 1;
        const auto read = std::from_chars(text.data() + queues.size(), end, count);
        if (read.ec == std::errc() && read.ptr == end && count >= 1 && count <= most_queues)
            return Discipline::queues(count);
    }
    return Error { "expected the discipline no_queue, one_queue, queues(1…1024) or parallel, not \""
        + std::string(text) + '"' };
}

}
