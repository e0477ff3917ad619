-- The first messages of a domain that was never heard of wait for a second try.
--
-- As greylisting does for mail: the first message from an unknown remote domain is bounced with type `wait`; who is
-- serious tries again after `delay`, and is known from then on for `memory`. Servers of spam rarely do. What is
-- known is kept in the store, so a restart does not forget it.

policy {
    summary = "Makes unknown remote domains try twice",
    on_error = "pass",
}

local config = config {
    delay = { type = "duration", default = "2 min", doc = "How long after its first message a domain is taken seriously." },
    memory = { type = "duration", default = "60 days", doc = "How long a domain stays known after its last message." },
    trusted = { type = "list", default = {}, doc = "Domains that need no second try." },
}

local function is_trusted(domain)
    if domain == nuncio.host then
        return true
    end
    for _, trusted in ipairs(config.trusted) do
        if domain == trusted or domain:sub(-#trusted - 1) == "." .. trusted then
            return true
        end
    end
    return false
end

on("message.delivered", { stage = "early" }, function(stanza)
    local domain = stanza.from_domain
    if not domain or is_trusted(domain) or stanza.type == "error" or not stanza.body then
        return pass()
    end
    -- The short way: heard of within the hour.
    if shared.get("known " .. domain) then
        return pass()
    end
    local now = time.now()
    local first = await(store.get("greylist", domain))
    if first and now - first.seen > config.memory then
        first = nil
    end
    if not first then
        await(store.put("greylist", domain, { first = now, seen = now }))
        log.info("greylisted:", domain)
    end
    if not first or now - first.first < config.delay then
        return bounce("resource-constraint", "your domain is new here: please send this again in a few minutes")
    end
    await(store.put("greylist", domain, { first = first.first, seen = now }))
    shared.set("known " .. domain, true, 3600)
    return pass()
end)

local function from(domain)
    return message { from = "romeo@" .. domain .. "/x", to = "juliet@example.org", type = "chat", body = "hi" }
end

test("a new domain has to try again after the delay", function()
    expect(run("message.delivered", from("new.example")).condition, "resource-constraint")
    advance(60)
    expect(run("message.delivered", from("new.example")).verdict, "bounce")
    advance(61)
    expect(run("message.delivered", from("new.example")).verdict, "pass")
    expect(run("message.delivered", from("other.example")).verdict, "bounce")
end)

test("our own and trusted domains are not concerned", function()
    config.trusted = { "partner.example" }
    expect(run("message.delivered", from(nuncio.host)).verdict, "pass")
    expect(run("message.delivered", from("partner.example")).verdict, "pass")
    expect(run("message.delivered", from("chat.partner.example")).verdict, "pass")
    expect(run("message.delivered", from("evilpartner.example")).verdict, "bounce")
end)

test("who was not heard of for long is new again", function()
    run("message.delivered", from("new.example"))
    advance(61 * 86400)
    expect(run("message.delivered", from("new.example")).verdict, "bounce")
end)
