#include "item.h"

#include <nuncio/value.h>

#include <algorithm>

namespace nuncio::roster {

namespace {

    /// RFC 6121 §2.1.2.5.
    std::string_view subscription(const RosterItem& item)
    {
        if (item.to)
            return item.from ? "both" : "to";
        return item.from ? "from" : "none";
    }

    StanzaError refusal(StanzaError::Condition condition, std::string text)
    {
        return { condition, std::move(text) };
    }

}

std::string to_text(const RosterItem& item)
{
    Value text;
    text["subscription"] = subscription(item);
    if (item.listed)
        text["listed"] = true;
    if (!item.name.empty())
        text["name"] = item.name;
    if (!item.groups.empty())
        text["groups"] = Value::Array(item.groups.begin(), item.groups.end());
    if (item.ask)
        text["ask"] = true;
    if (item.approved)
        text["approved"] = true;
    if (item.pending_in)
        text["request"] = item.pending_stanza;
    return text.json();
}

Result<RosterItem> read_item(std::string_view address, std::string_view text)
{
    auto jid = Jid::parse(address);
    if (!jid)
        return jid.error();
    const auto value = Value::parse_json(text);
    if (!value)
        return value.error();
    const auto has = [&](std::string_view key) {
        const Value* found = value->find(key);
        return found && found->as_bool();
    };

    RosterItem item { .jid = std::move(*jid) };
    const Value* found = value->find("subscription");
    const std::string state = found ? found->as_string() : std::string();
    item.to = state == "to" || state == "both";
    item.from = state == "from" || state == "both";
    item.listed = has("listed");
    item.ask = has("ask");
    item.approved = has("approved");
    if ((found = value->find("name")))
        item.name = found->as_string();
    if ((found = value->find("groups")))
        for (const Value& group : found->as_array())
            item.groups.push_back(group.as_string());
    if ((found = value->find("request"))) {
        item.pending_in = true;
        item.pending_stanza = found->as_string();
    }
    return item;
}

bool says_something(const RosterItem& item)
{
    return item.listed || item.to || item.from || item.ask || item.pending_in || item.approved;
}

bool look_equal(const RosterItem& a, const RosterItem& b)
{
    if (!a.listed && !b.listed)
        return true;
    return a.listed == b.listed && a.name == b.name && a.groups == b.groups && a.to == b.to
        && a.from == b.from && a.ask == b.ask && a.approved == b.approved;
}

void append_item(Element& query, const RosterItem& item)
{
    auto made = query.add("item");
    made.attr("jid", item.jid.text());
    if (!item.listed) {
        made.attr("subscription", "remove");
        return;
    }
    if (!item.name.empty())
        made.attr("name", item.name);
    made.attr("subscription", subscription(item));
    if (item.ask)
        made.attr("ask", "subscribe");
    if (item.approved)
        made.attr("approved", "true");
    for (const std::string& group : item.groups)
        made.add("group").text(group);
}

std::variant<Change, StanzaError> read_change(ElementRef query, const Limits& limits)
{
    using Condition = StanzaError::Condition;
    const ElementRef item = query.first_child();
    if (!item.is("item", ns_roster) || item.next())
        return refusal(Condition::bad_request, "a roster set has exactly one item");
    if (!item.has_attr("jid"))
        return refusal(Condition::bad_request, "the item has no jid");
    auto jid = Jid::parse(item.attr("jid"));
    if (!jid)
        return refusal(Condition::jid_malformed, jid.error().text);

    // §2.1.2.5: of what a client says about the subscription, only "remove" counts.
    Change change { std::move(*jid), item.attr("subscription") == "remove" };
    if (change.removes)
        return change;

    change.name = item.attr("name");
    if (change.name.size() > limits.name_bytes)
        return refusal(Condition::not_acceptable, "the name is too long");
    for (ElementRef child : item) {
        if (!child.is("group", ns_roster))
            continue;
        std::string group = child.text();
        if (group.empty() || group.size() > limits.name_bytes)
            return refusal(Condition::not_acceptable, "a group's name is empty or too long");
        if (std::ranges::find(change.groups, group) != change.groups.end())
            return refusal(Condition::bad_request, "a group is named twice");
        change.groups.push_back(std::move(group));
    }
    if (change.groups.size() > limits.groups)
        return refusal(Condition::not_acceptable, "the contact is in too many groups");
    return change;
}

}
