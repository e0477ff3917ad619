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

policy {
    summary = "Refuses messages of who sends too many",
    on_error = "pass",
}

local config = config {
    limit = { type = "integer", default = 60, min = 1, doc = "Messages that one account may send within the window." },
    window = { type = "duration", default = "30s", doc = "The length of the window." },
}

on("message.in", { stage = "early", priority = 100 }, function(stanza, event)
    -- Chat states, receipts and the like have no body and cost nobody's attention.
    if not stanza.body then
        return pass()
    end
    local count = shared.add(stanza.from_bare, 1, config.window)
    if count == config.limit + 1 then
        log.info("flood from", stanza.from_bare, "at", event.address)
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
