-- Commands the server on a word of anybody: what may be called is the administrator's word, not the script's.
policy { summary = "Disables who is named", on_error = "refuse" }

on("message.in", function(stanza)
    local account = stanza.body and stanza.body:match("^off with (.+)$")
    if account then
        local answer, problem = await(nuncio.command("disable", { jid = account, reason = "a brawl" }))
        return bounce("not-allowed", answer and "disabled " .. answer.disabled or problem)
    end
    if stanza.body == "how many" then
        local answer = await(nuncio.command("account-count", { host = nuncio.host }))
        return bounce("not-allowed", tostring(answer.registered) .. " registered")
    end
    if stanza.body == "stop" then
        await(nuncio.command("stop"))
    end
    return pass()
end)
