-- Refuses messages of who sends too many.
--
-- Counts what each account of the host sends to anybody. Beyond `limit` messages within `window`, more
-- are bounced with resource-constraint, which clients show to their user; nothing is lost silently.
--
--   [plugins.lua]
--   scripts = ["anti-flood"]
--   [[plugins.lua.settings]]
--   script = "anti-flood"
--   limit = 100
--
-- An account that floods again and again within a day is switched off, if you want that and allow it:
--
--   disable_after = 5
--   commands = ["disable"]

policy {
    summary = "Refuses messages of who sends too many",
    on_error = "pass",
}

local config = config {
    limit = { type = "integer", default = 60, min = 1, doc = "Messages that one account may send within the window." },
    window = { type = "duration", default = "30s", doc = "The length of the window." },
    disable_after = { type = "integer", default = 0, min = 0, doc = "Floods in a day after which the account is disabled; 0: never." },
}

local function disable(account)
    local answer, problem = await(nuncio.command("disable", { jid = account, reason = "floods" }))
    if not answer then
        log.warn(account, "floods, but is not disabled:", problem)
    end
end

on("message.in", { stage = "early", priority = 100 }, function(stanza, event)
    -- Chat states, receipts and the like have no body and cost nobody's attention.
    if not stanza.body then
        return pass()
    end
    local count = shared.add(stanza.from_bare, 1, config.window)
    if count == config.limit + 1 then
        log.info("flood from", stanza.from_bare, "at", event.address)
        local floods = shared.add("floods of " .. stanza.from_bare, 1, 86400)
        if config.disable_after > 0 and floods >= config.disable_after then
            disable(stanza.from_bare)
        end
    end
    if count > config.limit then
        return bounce("resource-constraint", "you are sending too fast; wait a moment")
    end
    return pass()
end)

test("the limit passes, one more is bounced", function()
    config.limit = 3
    local stanza = message { from = "romeo@example.org/a", to = "juliet@example.org", body = "o" }
    for _ = 1, 3 do
        expect(run("message.in", stanza).verdict, "pass")
    end
    local answer = run("message.in", stanza)
    expect(answer.verdict, "bounce")
    expect(answer.condition, "resource-constraint")
end)

test("other senders are not concerned, and the window ends", function()
    config.limit = 1
    local romeo = message { from = "romeo@example.org/a", to = "juliet@example.org", body = "o" }
    local paris = message { from = "paris@example.org/a", to = "juliet@example.org", body = "o" }
    run("message.in", romeo)
    expect(run("message.in", romeo).verdict, "bounce")
    expect(run("message.in", paris).verdict, "pass")
    advance(31)
    expect(run("message.in", romeo).verdict, "pass")
end)

test("what has no body is not counted", function()
    config.limit = 1
    local typing = message { from = "romeo@example.org/a", to = "juliet@example.org",
        xml = "<composing xmlns='http://jabber.org/protocol/chatstates'/>" }
    for _ = 1, 5 do
        expect(run("message.in", typing).verdict, "pass")
    end
end)

test("who floods again and again is disabled, once it is allowed", function()
    config.limit = 1
    local disabled = 0
    fake("nuncio.command", function(name, arguments)
        expect(name, "disable")
        expect(arguments.jid, "romeo@example.org")
        disabled = disabled + 1
        return { disabled = arguments.jid }
    end)
    local stanza = message { from = "romeo@example.org/a", to = "juliet@example.org", body = "o" }
    local function flood()
        for _ = 1, 3 do
            run("message.in", stanza)
        end
        advance(31)
    end
    flood()
    flood()
    expect(disabled, 0)
    config.disable_after = 3
    flood()
    expect(disabled, 1)
end)
