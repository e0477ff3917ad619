-- Bounces links from people who are not in the recipient's contact list.
--
-- Most unwanted messages are a first message with a link. Contacts (either direction of subscription) and the
-- account itself may send what they like. Needs the plugin roster.

policy {
    summary = "Bounces links from strangers",
    on_error = "pass",
}

local config = config {
    allowed = { type = "list", default = {}, doc = "Domains whose users may always send links." },
}

local function has_link(text)
    text = text:lower()
    return text:find("https?://") or text:find("www%.[%w-]+%.%w") or text:find("xmpp:", 1, true)
end

local function is_allowed(domain)
    for _, allowed in ipairs(config.allowed) do
        if domain == allowed then
            return true
        end
    end
    return false
end

on("message.delivered", function(stanza)
    local text = stanza.body
    if not text or stanza.type == "error" or stanza.type == "groupchat" or not has_link(text) then
        return pass()
    end
    if stanza.from_bare == stanza.to_bare or is_allowed(stanza.from_domain) or not stanza.from_user then
        return pass()
    end
    local subscription = await(plugins.roster.subscription(stanza.to_bare, stanza.from_bare))
    if subscription and subscription ~= "none" then
        return pass()
    end
    return bounce("policy-violation", "links are taken from contacts only")
end)

local function link_from(who)
    return message { from = who, to = "juliet@example.org", type = "chat", body = "see HTTP://example.com/x" }
end

test("a stranger's link is bounced, a stranger's words are not", function()
    fake("roster.subscription", function() return "none" end)
    expect(run("message.delivered", link_from("spam@example.net/x")).verdict, "bounce")
    local words = message { from = "spam@example.net/x", to = "juliet@example.org", body = "hello" }
    expect(run("message.delivered", words).verdict, "pass")
end)

test("contacts may send links", function()
    fake("roster.subscription", function(user, jid)
        expect(user, "juliet@example.org")
        return jid == "romeo@example.net" and "both" or "none"
    end)
    expect(run("message.delivered", link_from("romeo@example.net/x")).verdict, "pass")
    expect(run("message.delivered", link_from("paris@example.net/x")).verdict, "bounce")
end)

test("allowed domains may, too", function()
    fake("roster.subscription", function() return "none" end)
    config.allowed = { "partner.example" }
    expect(run("message.delivered", link_from("anybody@partner.example/x")).verdict, "pass")
end)
