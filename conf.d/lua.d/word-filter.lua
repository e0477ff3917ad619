-- Replaces or bounces words in messages within one host.
--
-- Words are compared without regard to case and as whole words; they are words, not patterns. Bytes beyond ASCII
-- count as letters, so "grün" is one word.

policy {
    summary = "Masks or bounces messages with certain words",
    on_error = "pass",
}

local config = config {
    words = { type = "list", default = {}, doc = "The words." },
    action = { type = "string", default = "mask", choices = { "mask", "bounce" }, doc = "What happens to them." },
}

local listed = {}
local function prepare()
    listed = {}
    for _, word in ipairs(config.words) do
        listed[word:lower()] = true
    end
end
prepare()

local word_pattern = "[%w_\128-\255]+"

local function mask(text)
    local found = false
    local masked = text:gsub(word_pattern, function(word)
        if listed[word:lower()] then
            found = true
            return ("*"):rep(utf8.len(word) or #word)
        end
    end)
    return found, masked
end

on("message.in", function(stanza)
    local body = stanza.body
    if not body or next(listed) == nil then
        return pass()
    end
    local found, masked = mask(body)
    if not found then
        return pass()
    end
    if config.action == "bounce" then
        return bounce("policy-violation", "a word in your message is not welcome here")
    end
    stanza.body = masked
    stanza:remove("html") -- the same text once more (XEP-0071)
    return pass()
end)

local function said(text)
    return message { from = "romeo@example.org/x", to = "juliet@example.org", type = "chat", body = text }
end

test("whole words are masked, whatever their case", function()
    config.words = { "darn", "grün" }
    prepare()
    local answer = run("message.in", said("Darn it, darned grün!"))
    expect(answer.verdict, "pass")
    expect(answer.stanza.body, "**** it, darned ****!")
end)

test("or the message is bounced", function()
    config.words = { "darn" }
    config.action = "bounce"
    prepare()
    expect(run("message.in", said("oh DARN")).condition, "policy-violation")
    expect(run("message.in", said("oh dear")).verdict, "pass")
end)
