// XEP-0050: Ad-Hoc Commands, for the administrators whom the configuration names; with XEP-0133.
#include "answer.h"
#include "offer.h"
#include "open_commands.h"

#include <nuncio/disco.h>
#include <nuncio/plugin.h>

#include <array>
#include <atomic>
#include <mutex>

namespace nuncio::adhoc {

constexpr std::string_view ns_commands = "http://jabber.org/protocol/commands";

struct Settings {
    std::uint32_t open_of_account = 8;
    std::uint32_t open_altogether = 256;
    Duration open_time = std::chrono::minutes(10);
    std::uint32_t running = 16;
    std::uint32_t accounts = 50;
    std::uint32_t rows = 500;
};

namespace {

    enum class Action { execute, cancel, prev, next, complete };

    std::optional<Action> action_of(std::string_view text)
    {
        constexpr std::array<std::pair<std::string_view, Action>, 6> actions { {
            { "", Action::execute },
            { "execute", Action::execute },
            { "cancel", Action::cancel },
            { "prev", Action::prev },
            { "next", Action::next },
            { "complete", Action::complete },
        } };
        for (const auto& [name, action] : actions)
            if (name == text)
                return action;
        return {};
    }

    /// One of §4.4, with the condition that the table there gives it.
    StanzaError error(std::string_view condition, std::string text = {})
    {
        const bool is_expired = condition == "session-expired";
        return { .condition = is_expired ? StanzaError::Condition::not_allowed
                                         : StanzaError::Condition::bad_request,
            .text = std::move(text),
            .application = Element(condition, ns_commands) };
    }

    /// What a request asks for, out of the stanza, which does not last.
    struct Request {
        Jid from;
        std::string node;
        std::string id;
        Action action = Action::execute;
        Element form; ///< empty: there was none
    };

    /// Counts what is under way.
    class Turn {
    public:
        explicit Turn(std::atomic<std::uint32_t>& count)
            : count_(count)
            , number_(++count)
        {
        }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        ~Turn() { --count_; }
        std::uint32_t number() const { return number_; }

    private:
        std::atomic<std::uint32_t>& count_;
        std::uint32_t number_;
    };

}

class AdHoc final : public Plugin {
public:
    static Schema schema()
    {
        return Schema::of<Settings>("Commands of the server over XMPP, for administrators")
            .option("open_of_account", &Settings::open_of_account,
                "Commands of one administrator that may wait for a form to be filled; with more, "
                "the oldest ends.")
            .range(1, 1000)
            .option("open_altogether", &Settings::open_altogether,
                "The same of all administrators together; more are refused.")
            .range(1, 100'000)
            .option("open_time", &Settings::open_time, "How long one waits for its form.")
            .range(1, 86'400)
            .option(
                "running", &Settings::running, "Commands that may run at once; more are refused.")
            .range(1, 1000)
            .option("accounts", &Settings::accounts,
                "Accounts that one form of XEP-0133 may name; more are refused.")
            .range(1, 10'000)
            .option("rows", &Settings::rows,
                "The most rows of a list that an answer shows; it tells of the rest.")
            .range(1, 10'000);
    }

    Result<void> configure(const Config& config) override
    {
        settings_ = config.as<Settings>();
        open_.emplace(OpenCommands::Bounds { .of_account = settings_.open_of_account,
            .altogether = settings_.open_altogether,
            .lifetime = settings_.open_time });
        bounds_.rows = settings_.rows;
        return {};
    }

    Result<void> start(Context& context) override
    {
        context_ = &context;
        context.on_iq(
            Component::local, ns_commands, {}, [this](const Iq& iq) { return handle(iq); });
        context.on<NodeAsked>([this](NodeAsked& event) { return asked(event); });
        context.on<SessionClosed>([this](SessionClosed& event) {
            const std::lock_guard lock(mutex_);
            open_->drop(event.session.jid());
            return Flow::next;
        });
        return {};
    }

private:
    /// Of one request: with the patience of the last call it stays below what an iq may take.
    static constexpr Duration most_time = 15s;
    using Condition = StanzaError::Condition;
    using Stage = OpenCommand::Stage;

    // ---- Service discovery: §2 ----

    Flow asked(NodeAsked& event)
    {
        const bool is_list = event.node == ns_commands;
        if (event.component != Component::local || (!is_list && !is_command_node(event.node)))
            return Flow::next;
        const Completion<IqReply> answer;
        event.answer = answer;
        context_->spawn(describe(
            Jid(event.request.from()), std::string(event.node), event.is_about_info(), answer));
        return Flow::done;
    }

    task<void> describe(Jid from, std::string node, bool is_about_info, Completion<IqReply> answer)
    {
        const auto commands = co_await context_->commands().allowed(from);
        answer.resolve(description(commands, node, is_about_info));
    }

    IqReply description(
        const std::vector<Command>& commands, const std::string& node, bool is_about_info) const
    {
        Directory directory;
        if (node == ns_commands) {
            directory.identities.push_back({ "automation", "command-list" });
            directory.features.emplace_back(ns_commands);
            for (Offer& offer : offers_of(commands, host()))
                directory.items.push_back({ .jid = std::string(host()),
                    .name = std::move(offer.name),
                    .node = std::move(offer.node) });
        } else {
            auto offer = find_offer(commands, node, host());
            if (!offer)
                return commands.empty() ? Condition::forbidden : Condition::item_not_found;
            directory.identities.push_back(
                { "automation", "command-node", std::move(offer->name) });
            directory.features = { std::string(ns_commands), std::string(ns_data) };
        }
        return is_about_info ? disco_info(directory, node) : disco_items(directory, node);
    }

    // ---- Execution: §3 ----

    task<IqReply> handle(const Iq& iq)
    {
        const ElementRef command = iq.payload();
        if (!iq.is_set() || !command.is("command", ns_commands))
            co_return Condition::bad_request;
        const auto action = action_of(command.attr("action"));
        Request request { .from = Jid(iq.from()),
            .node = std::string(command.attr("node")),
            .id = std::string(command.attr("sessionid")),
            .action = action.value_or(Action::execute) };
        if (const ElementRef form = command.child("x", ns_data))
            request.form = Element(form);

        const auto commands = co_await context_->commands().allowed(request.from);
        if (commands.empty())
            co_return Condition::forbidden;
        if (!action)
            co_return error("malformed-action");
        const auto offer = find_offer(commands, request.node, host());
        if (!offer)
            co_return Condition::item_not_found;
        if (request.id.empty())
            co_return co_await begin(*offer, request);
        co_return co_await go_on(*offer, request);
    }

    task<IqReply> begin(const Offer& offer, Request& request)
    {
        if (request.action != Action::execute)
            co_return error("bad-action", "nothing of this command is under way");
        request.id = context_->host().random_id();
        OpenCommand command { .owner = request.from, .node = request.node };
        if (!offer.questions.fields.empty())
            co_return ask(offer, request.id, offer.questions, std::move(command));
        if (offer.asks_again()) {
            command.stage = Stage::confirmation;
            co_return ask(offer, request.id, confirmation(offer, {}), std::move(command));
        }
        co_return co_await run(offer, request.id, command);
    }

    task<IqReply> go_on(const Offer& offer, const Request& request)
    {
        OpenCommand command;
        switch (take(request, command)) {
        case OpenCommands::Found::yes:
            break;
        case OpenCommands::Found::no:
            co_return error("bad-sessionid");
        case OpenCommands::Found::expired:
            co_return error("session-expired");
        }
        // XEP-0050 §3.5: a form of the type cancel is the same as the action.
        if (request.action == Action::cancel || request.form.attr("type") == "cancel")
            co_return answer(request.node, request.id, "canceled");
        if (command.stage == Stage::confirmation)
            co_return co_await confirmed(offer, request, command);
        co_return co_await submitted(offer, request, command);
    }

    task<IqReply> submitted(const Offer& offer, const Request& request, OpenCommand& command)
    {
        const Action wanted = offer.asks_again() ? Action::next : Action::complete;
        if (request.action != Action::execute && request.action != wanted) {
            keep(request.id, std::move(command));
            co_return error("bad-action");
        }
        auto filled = read_form(request.form, offer.questions, settings_.accounts);
        if (!filled) {
            keep(request.id, std::move(command));
            co_return error("bad-payload", filled.error().text);
        }
        command.filled = std::move(*filled);
        if (offer.asks_again()) {
            command.stage = Stage::confirmation;
            const Questions once_more = confirmation(offer, command.filled);
            co_return ask(offer, request.id, once_more, std::move(command));
        }
        co_return co_await run(offer, request.id, command);
    }

    task<IqReply> confirmed(const Offer& offer, const Request& request, OpenCommand& command)
    {
        if (request.action == Action::next
            || (request.action == Action::prev && offer.questions.fields.empty())) {
            keep(request.id, std::move(command));
            co_return error("bad-action");
        }
        if (request.action == Action::prev) {
            command.stage = Stage::form;
            const Questions again = refilled(offer, command.filled);
            co_return ask(offer, request.id, again, std::move(command));
        }
        co_return co_await run(offer, request.id, command);
    }

    task<IqReply> run(const Offer& offer, const std::string& id, OpenCommand& command)
    {
        const Turn turn(running_);
        if (turn.number() > settings_.running) {
            keep(id, std::move(command));
            co_return StanzaError { .condition = Condition::resource_constraint,
                .text = "too many commands are running" };
        }
        const auto calls = calls_of(offer, command.filled, host());
        if (!calls) {
            keep(id, std::move(command));
            co_return error("bad-payload", calls.error().text);
        }
        std::vector<Value> values;
        std::vector<Note> failures;
        const TimePoint until = Loop::current()->now() + most_time;
        for (const Value& arguments : *calls) {
            if (Loop::current()->now() >= until) {
                failures.push_back({ Note::Type::error,
                    "it took too long; not done for the last "
                        + std::to_string(calls->size() - values.size() - failures.size()) });
                break;
            }
            auto value = co_await context_->commands().call_for(
                command.owner, offer.command.name, arguments);
            if (value) {
                values.push_back(*std::move(value));
                continue;
            }
            failures.push_back({ Note::Type::error, value.error().text });
            // What does not answer for this account will not do so for the others.
            if (value.error().kind == Error::Kind::unavailable)
                break;
        }
        co_return answer(command.node, id, "completed", told(offer, values, std::move(failures)));
    }

    Answer told(
        const Offer& offer, const std::vector<Value>& values, std::vector<Note> failures) const
    {
        Answer shown;
        if (offer.admin)
            shown = show_admin(values, *offer.admin, bounds_);
        else if (!values.empty())
            shown = show(values.front(), offer.command.name, bounds_);
        shown.notes.insert(shown.notes.end(), failures.begin(), failures.end());
        return shown;
    }

    // ---- Stages ----

    OpenCommands::Found take(const Request& request, OpenCommand& command)
    {
        const std::lock_guard lock(mutex_);
        return open_->take(request.id, request.from, request.node, Loop::current()->now(), command);
    }

    /// For another try, if it had a first one: the client knows the id then.
    void keep(const std::string& id, OpenCommand command)
    {
        if (command.until != TimePoint())
            put(id, std::move(command));
    }

    bool put(const std::string& id, OpenCommand command)
    {
        const std::lock_guard lock(mutex_);
        return open_->put(id, std::move(command), Loop::current()->now());
    }

    /// Keeps the command until the form comes back.
    IqReply ask(
        const Offer& offer, const std::string& id, const Questions& questions, OpenCommand command)
    {
        const bool is_last = command.stage == Stage::confirmation || !offer.asks_again();
        const bool may_go_back
            = command.stage == Stage::confirmation && !offer.questions.fields.empty();
        if (!put(id, std::move(command)))
            return StanzaError { .condition = Condition::resource_constraint,
                .text = "too many commands wait for their forms" };
        Element made = skeleton(offer.node, id, "executing");
        // §3.4: what "execute" means is always said.
        auto actions = made.add("actions");
        actions.attr("execute", is_last ? "complete" : "next");
        if (may_go_back)
            actions.add("prev");
        actions.add(is_last ? "complete" : "next");
        made.append(blank_form(questions));
        return made;
    }

    static IqReply answer(std::string_view node, std::string_view id, std::string_view status,
        const Answer& shown = {})
    {
        Element made = skeleton(node, id, status);
        for (const Note& note : shown.notes) {
            constexpr const char* types[] = { "info", "warn", "error" };
            made.add("note")
                .attr("type", types[static_cast<std::size_t>(note.type)])
                .text(printable(note.text));
        }
        if (shown.form)
            made.append(shown.form);
        return made;
    }

    /// §3.7: whatever language was asked for, this is the one there is.
    static Element skeleton(std::string_view node, std::string_view id, std::string_view status)
    {
        Element command("command", ns_commands);
        command.attr("lang", "en", ns_xml)
            .attr("node", node)
            .attr("sessionid", id)
            .attr("status", status);
        return command;
    }

    std::string_view host() const { return context_->host().domain(); }

    Settings settings_;
    AnswerBounds bounds_;
    Context* context_ = nullptr;
    std::atomic<std::uint32_t> running_ = 0;
    std::mutex mutex_; // administrators are at home on different loops
    std::optional<OpenCommands> open_; // guarded
};

}

NUNCIO_PLUGIN(nuncio::adhoc::AdHoc, "adhoc", "0.1.0",
    "XEP-0050 and XEP-0133: commands of the server for its administrators")
