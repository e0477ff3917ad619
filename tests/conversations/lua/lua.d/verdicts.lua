-- One verdict for each word, for the conversations.
policy { summary = "every verdict", on_error = "pass" }

on("message.in", function(stanza, event)
    local word = stanza.body
    if word == "drop" then
        return drop("asked for")
    elseif word == "bounce" then
        return bounce("policy-violation", "asked for")
    elseif word == "reply" then
        return reply(message { type = "chat", body = "from the script to " .. event.user })
    elseif word == "redirect" then
        return redirect("mercutio@localhost")
    elseif word == "rewrite" then
        stanza.body = "rewritten"
        stanza:add("<note xmlns='urn:example:note'/>")
    elseif word == "send" then
        send(message { to = "mercutio@localhost", type = "chat", body = "told" })
    elseif word == "fail" then
        stanza.body = "half way"
        error("asked for")
    elseif word == "loop" then
        while true do end
    elseif word == "wait" then
        await(sleep(5))
        stanza.body = "waited"
    end
    return pass()
end)

on("iq.in", function(stanza)
    if stanza:has("query", "jabber:iq:version") and stanza.type == "get" then
        return bounce("forbidden")
    end
end)
