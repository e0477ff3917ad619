#include "session.h"

#include "clock.h"

namespace nuncio::bench {

namespace {

    constexpr std::string_view starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

    std::string auth(std::string_view mechanism, std::string_view initial)
    {
        return "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='" + std::string(mechanism)
            + "'>" + to_base64(initial) + "</auth>";
    }

}

Session::Session(Engine& engine, const Options& options, ScramCache& cache, Scenario& scenario)
    : options_(options)
    , cache_(cache)
    , scenario_(scenario)
    , connection_(engine, *this)
    , scram_(options.mechanism, {}, {})
{
}

void Session::start(std::uint32_t number, Goal goal)
{
    number_ = number;
    goal_ = goal;
    user_ = options_.prefix + std::to_string(number);
    jid_.clear();
    is_secured_ = false;
    is_authenticated_ = false;
    started_at_ = now_ns();
    step_ = Step::connecting;
    connection_.connect(options_.address, options_.port);
}

void Session::end()
{
    if (step_ == Step::over || step_ == Step::closing)
        return;
    if (goal_ == Goal::connected) {
        step_ = Step::closing;
        connection_.shut_down();
        return;
    }
    step_ = Step::closing;
    send("</stream:stream>");
}

void Session::on_connected()
{
    if (options_.transport == Transport::tls)
        connection_.secure(options_.domain, true);
    else if (goal_ == Goal::connected)
        become_ready();
    else
        open_stream();
}

void Session::on_secured()
{
    is_secured_ = true;
    if (goal_ == Goal::connected)
        become_ready();
    else
        open_stream();
}

void Session::open_stream()
{
    step_ = Step::header;
    send("<?xml version='1.0'?><stream:stream to='" + options_.domain
        + "' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
}

void Session::on_item(const Item& item)
{
    if (step_ == Step::ready && item.kind == ItemKind::element) [[likely]] {
        scenario_.on_stanza(*this, item.text);
        return;
    }
    if (item.kind == ItemKind::malformed) {
        fail("not XML: " + std::string(item.text.substr(0, 80)));
        return;
    }
    if (item.kind == ItemKind::stream_open)
        return;
    if (item.kind == ItemKind::stream_close) {
        if (step_ != Step::closing) {
            fail("the server closed the stream");
            return;
        }
        connection_.close();
        step_ = Step::over;
        scenario_.on_ended(*this, {});
        return;
    }
    if (has_name(item.text, "stream:error") || has_name(item.text, "failure")) {
        fail(item.text.substr(0, 300));
        return;
    }
    switch (step_) {
    case Step::header:
        on_features(item.text);
        return;
    case Step::proceed:
        connection_.secure(options_.domain, false);
        return;
    case Step::challenge:
        on_challenge(item.text);
        return;
    case Step::success:
        on_success(item.text);
        return;
    case Step::bind:
        on_bound(item.text);
        return;
    case Step::roster:
        if (has_name(item.text, "iq") && attribute(item.text, "id") == "roster") {
            become_ready();
            scenario_.on_stanza(*this, item.text);
        }
        return;
    default:
        return;
    }
}

void Session::on_features(std::string_view features)
{
    if (options_.transport == Transport::starttls && !is_secured_) {
        if (!contains(features, "urn:ietf:params:xml:ns:xmpp-tls")) {
            fail("the server does not offer STARTTLS");
            return;
        }
        step_ = Step::proceed;
        send(starttls);
        return;
    }
    if (goal_ == Goal::stream) {
        become_ready();
        return;
    }
    if (!is_authenticated_) {
        authenticate(features);
        return;
    }
    step_ = Step::bind;
    send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
         "<resource>bench</resource></bind></iq>");
}

void Session::authenticate(std::string_view features)
{
    const auto name = name_of(options_.mechanism);
    if (!contains(features, ">" + std::string(name) + "<")) {
        fail("the server does not offer " + std::string(name) + ": "
            + std::string(features.substr(0, 600)));
        return;
    }
    if (options_.mechanism == Mechanism::plain) {
        step_ = Step::success;
        using namespace std::string_literals;
        send(auth(name, "\0"s + user_ + "\0"s + options_.password));
        return;
    }
    scram_ = ScramClient(options_.mechanism, user_, random_nonce());
    step_ = Step::challenge;
    send(auth(name, scram_.first()));
}

void Session::on_challenge(std::string_view element)
{
    const auto answer
        = scram_.final(from_base64(text_of(element, "challenge")), options_.password, cache_);
    if (answer.empty()) {
        fail("not a SCRAM challenge: " + std::string(element.substr(0, 200)));
        return;
    }
    step_ = Step::success;
    send("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>" + to_base64(answer) + "</response>");
}

void Session::on_success(std::string_view element)
{
    const bool is_scram = options_.mechanism != Mechanism::plain;
    if (!has_name(element, "success")
        || (is_scram && !scram_.verify(from_base64(text_of(element, "success"))))) {
        fail("the server does not prove that it knows the password");
        return;
    }
    is_authenticated_ = true;
    open_stream();
}

void Session::on_bound(std::string_view element)
{
    if (!has_name(element, "iq"))
        return;
    jid_ = text_of(element, "jid");
    if (attribute(element, "type") != "result" || jid_.empty()) {
        fail("no resource bound: " + std::string(element.substr(0, 200)));
        return;
    }
    if (goal_ == Goal::bound) {
        become_ready();
        return;
    }
    step_ = Step::roster;
    send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>");
}

void Session::become_ready()
{
    step_ = Step::ready;
    if (goal_ == Goal::available)
        send("<presence/>");
    scenario_.on_ready(*this);
}

void Session::on_closed(std::string_view why)
{
    const bool asked_for = step_ == Step::closing;
    step_ = Step::over;
    scenario_.on_ended(*this, asked_for ? std::string_view() : why);
}

void Session::fail(std::string_view why)
{
    // The text may point into the read buffer, which is not reused before the scenario has it.
    connection_.close();
    step_ = Step::over;
    scenario_.on_ended(*this, why);
}

}
