// XEP-0049: Private XML Storage.
#include <nuncio/plugin.h>

namespace nuncio::private_storage {

constexpr std::string_view ns_private = "jabber:iq:private";

struct Settings {
    Bytes max_size { 64 * 1024 };
    std::uint32_t max_elements = 100;
};

class Private final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Keeps clients' own data for them")
            .option("max_size", &Settings::max_size, "The largest element that is kept.")
            .range(256, 16e6)
            .option("max_elements", &Settings::max_elements,
                "The most elements that are kept for one account.")
            .range(1, 100'000);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        store_ = context.store("private");
        context.feature(Component::local, ns_private);
        // One at a time, so that the count of elements holds.
        context.on_iq(Component::sm, ns_private,
            { .discipline = Discipline::queues(64), .access = Access::owner, .advertise = false },
            [this](const Iq& iq) { return answer(iq); });
        return {};
    }

private:
    using Condition = StanzaError::Condition;

    task<IqReply> answer(const Iq& iq)
    {
        const ElementRef query = iq.payload();
        if (!query.is("query", ns_private) || !query.first_child())
            co_return Condition::bad_request;
        // §2.3: what has no namespace of its own belongs to nobody.
        for (ElementRef element : query)
            if (element.ns().empty() || element.ns() == ns_private || element.ns() == ns_client)
                co_return Condition::not_acceptable;
        if (iq.is_get())
            co_return co_await read(iq);
        co_return co_await write(iq);
    }

    /// No name or namespace holds a space, so no two elements share a key.
    static std::string key_of(ElementRef element)
    {
        return std::string(element.ns()) + " " + std::string(element.name());
    }

    static std::string owner_of(const Iq& iq) { return std::string(iq.account()->jid().text()); }

    task<IqReply> read(const Iq& iq)
    {
        Element query("query", ns_private);
        for (ElementRef element : iq.payload()) {
            const auto text = co_await store_.get(owner_of(iq), key_of(element));
            if (!text)
                co_return failure(text.error());
            auto kept = *text ? parse_element(**text) : Result<Element>(Element());
            if (!kept)
                co_return failure(kept.error());
            if (*kept)
                query.append(*kept);
            else
                query.add(element.name(), element.ns());
        }
        co_return query;
    }

    task<IqReply> write(const Iq& iq)
    {
        std::vector<StorageOp> steps;
        for (ElementRef element : iq.payload()) {
            std::string text = to_string(element);
            if (text.size() > settings_.max_size.count)
                co_return StanzaError { Condition::resource_constraint,
                    "the element is larger than " + std::to_string(settings_.max_size.count)
                        + " bytes" };
            steps.push_back({ .kind = StorageOp::Kind::put,
                .owner = owner_of(iq),
                .key = key_of(element),
                .value = std::move(text) });
        }
        const auto kept = co_await count_others(owner_of(iq), steps);
        if (!kept)
            co_return failure(kept.error());
        if (*kept + steps.size() > settings_.max_elements)
            co_return StanzaError { Condition::resource_constraint, "too many elements are kept" };
        const auto done = co_await store_.batch(std::move(steps));
        if (!done)
            co_return failure(done.error());
        co_return {};
    }

    /// How many elements are kept besides those about to be written.
    task<Result<std::size_t>> count_others(std::string owner, const std::vector<StorageOp>& written)
    {
        std::vector<StorageOp> steps(1);
        steps[0] = { .kind = StorageOp::Kind::list,
            .owner = std::move(owner),
            .limit = settings_.max_elements + 1 };
        const auto answers = co_await store_.batch(std::move(steps));
        if (!answers)
            co_return answers.error();
        std::size_t count = answers->front().size();
        for (const StorageRow& row : answers->front())
            for (const StorageOp& op : written)
                if (op.key == row.key) {
                    --count;
                    break;
                }
        co_return count;
    }

    IqReply failure(const Error& error) const
    {
        context_->log().error("private data is out of reach: {}", error.text);
        return StanzaError { Condition::internal_server_error, {}, {}, StanzaError::Type::wait };
    }

    Settings settings_;
    Context* context_ = nullptr;
    Store store_;
};

}

NUNCIO_PLUGIN(nuncio::private_storage::Private, "private", "0.1.0", "XEP-0049: Private XML Storage",
    "requires=storage/1")
