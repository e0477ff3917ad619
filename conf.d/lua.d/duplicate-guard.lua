-- The same message to the same address, twice within moments, is sent once.
--
-- Some clients send again after a reconnect although the message has arrived. A message counts as the same
-- when sender, address, id and body are; without an id nothing is guessed.

policy {
    summary = "Drops messages that were sent twice",
    on_error = "pass",
}

local config = config {
    window = { type = "duration", default = "2 min", doc = "How long a message is remembered." },
}

on("message.in", { priority = -100 }, function(stanza)
    local body = stanza.body
    if not body or not stanza.id or #body > 500 then
        return pass()
    end
    local key = stanza.from_bare .. "\n" .. (stanza.to or "") .. "\n" .. stanza.id .. "\n" .. body
    if #key <= 1024 and not shared.once(key, config.window) then
        return drop("duplicate")
    end
    return pass()
end)

local function said(id, text)
    return message { from = "romeo@example.org/x", to = "juliet@example.org", id = id, body = text }
end

test("the second one is dropped, within the window", function()
    expect(run("message.in", said("1", "hi")).verdict, "pass")
    expect(run("message.in", said("1", "hi")).verdict, "drop")
    advance(121)
    expect(run("message.in", said("1", "hi")).verdict, "pass")
end)

test("another id, another text or no id is another message", function()
    run("message.in", said("1", "hi"))
    expect(run("message.in", said("2", "hi")).verdict, "pass")
    expect(run("message.in", said("1", "ho")).verdict, "pass")
    expect(run("message.in", said(nil, "hi")).verdict, "pass")
    expect(run("message.in", said(nil, "hi")).verdict, "pass")
end)
