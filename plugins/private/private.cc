// XEP-0049: Private XML Storage.
#include <nuncio/plugin.h>

#include <algorithm>

namespace nuncio::private_storage {

constexpr std::string_view ns_private = "jabber:iq:private";

struct Settings {
    Bytes element_size { 65536 };
    std::uint32_t elements = 100;
};

/// One stored element is known by its name and namespace. Neither may hold a newline.
std::string key_of(ElementRef element)
{
    return std::string(element.ns()) + '\n' + std::string(element.name());
}

class Private final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Keeps what clients store for themselves")
            .option("element_size", &Settings::element_size, "The most one element may take.")
            .range(1024, 16.0 * 1024 * 1024)
            .option("elements", &Settings::elements, "The most elements of one account.")
            .range(1, 10000);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        store_ = context.store("private");
        // One change after another for each account, so that the bound on their number holds.
        const IqOptions options { .discipline = Discipline::queues(64), .access = Access::owner };
        context.on_iq(Component::sm, ns_private, options,
            [this](const Iq& iq) { return iq.is_get() ? get(iq) : set(iq); });
        return {};
    }

private:
    task<IqReply> get(const Iq& iq)
    {
        const ElementRef asked = iq.payload().first_child();
        // §4: the request names one element, and not one of our own namespace.
        if (!asked || asked.next())
            co_return StanzaError::Condition::bad_request;
        if (asked.ns() == ns_private || asked.ns().empty())
            co_return StanzaError::Condition::not_acceptable;
        auto stored = co_await store_.get(std::string(iq.to().bare_text()), key_of(asked));
        if (!stored)
            co_return StanzaError::Condition::internal_server_error;
        Element query("query", ns_private);
        if (*stored) {
            if (auto element = parse_element(**stored))
                query.append(*element);
        } else {
            query.add(asked.name(), asked.ns());
        }
        co_return query;
    }

    task<IqReply> set(const Iq& iq)
    {
        const std::string owner(iq.to().bare_text());
        auto before = co_await store_.list(owner);
        if (!before)
            co_return StanzaError::Condition::internal_server_error;
        std::size_t count = before->size();
        std::vector<StorageOp> steps;
        for (const ElementRef element : iq.payload()) {
            if (element.ns() == ns_private || element.ns().empty()
                || element.ns().find('\n') != std::string_view::npos)
                co_return StanzaError::Condition::not_acceptable;
            StorageOp step { .kind = StorageOp::Kind::put,
                .owner = owner,
                .key = key_of(element),
                .value = to_string(element) };
            if (step.value.size() > settings_.element_size.count)
                co_return StanzaError { StanzaError::Condition::resource_constraint,
                    "an element may take " + std::to_string(settings_.element_size.count)
                        + " bytes" };
            const auto same = [&](const auto& row) { return row.key == step.key; };
            if (std::ranges::none_of(*before, same) && std::ranges::none_of(steps, same))
                ++count;
            steps.push_back(std::move(step));
        }
        if (steps.empty())
            co_return StanzaError::Condition::bad_request;
        if (count > settings_.elements)
            co_return StanzaError { StanzaError::Condition::resource_constraint,
                "an account may store " + std::to_string(settings_.elements) + " elements" };
        if (auto stored = co_await store_.batch(std::move(steps)); !stored)
            co_return StanzaError::Condition::internal_server_error;
        co_return IqReply();
    }

    Settings settings_;
    Store store_;
};

}

NUNCIO_PLUGIN(nuncio::private_storage::Private, "private", "0.1.0", "XEP-0049: Private XML Storage",
    "requires=storage/1")
