-- At night, messages without urgency reach nobody's screen.
--
-- Between `from` and `to` (hours, by the clock at `utc_offset` minutes) headlines are dropped. With `refuse` the
-- senders of chat messages hear that it is night. What has the word `urgent` in its subject or body
-- always passes.

policy {
    summary = "Holds back what is not urgent at night",
    on_error = "pass",
}

local config = config {
    from = { type = "integer", default = 22, min = 0, max = 23, doc = "The hour at which the quiet begins." },
    to = { type = "integer", default = 7, min = 0, max = 23, doc = "The hour at which it ends." },
    utc_offset = { type = "integer", default = 0, min = -1440, max = 1440, doc = "Minutes that the clocks are before UTC." },
    refuse = { type = "boolean", default = false, doc = "Bounce chat messages instead of letting them pass." },
    urgent = { type = "string", default = "URGENT", doc = "The word that always passes." },
}

local function is_quiet()
    local hour = time.date(nil, config.utc_offset).hour
    if config.from <= config.to then
        return hour >= config.from and hour < config.to
    end
    return hour >= config.from or hour < config.to
end

on("message.delivered", function(stanza)
    if stanza.type == "error" or not is_quiet() then
        return pass()
    end
    local text = (stanza.subject or "") .. " " .. (stanza.body or "")
    if text:find(config.urgent, 1, true) then
        return pass()
    end
    if stanza.type == "headline" then
        return drop("quiet hours")
    end
    if config.refuse and stanza.body then
        return bounce("recipient-unavailable", "it is night here; write " .. config.urgent .. " if it cannot wait")
    end
    return pass()
end)

local news = message { from = "news@example.net", to = "juliet@example.org", type = "headline", body = "news" }
local chat = message { from = "romeo@example.net/x", to = "juliet@example.org", type = "chat", body = "awake?" }

test("headlines wait for the day", function()
    -- Tests begin at midnight.
    expect(run("message.delivered", news).verdict, "drop")
    advance(8 * 3600)
    expect(run("message.delivered", news).verdict, "pass")
    advance(14 * 3600)
    expect(run("message.delivered", news).verdict, "drop")
end)

test("chat passes unless it is to be refused, urgent matters pass in any case", function()
    expect(run("message.delivered", chat).verdict, "pass")
    config.refuse = true
    expect(run("message.delivered", chat).condition, "recipient-unavailable")
    local urgent = message { from = "romeo@example.net/x", to = "juliet@example.org", type = "chat", body = "URGENT: awake?" }
    expect(run("message.delivered", urgent).verdict, "pass")
end)

test("clocks elsewhere", function()
    config.utc_offset = 8 * 60
    expect(run("message.delivered", news).verdict, "pass")
end)
