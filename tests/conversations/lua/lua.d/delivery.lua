-- At the recipient: redirects, and waits with its order kept.
policy { summary = "at delivery" }

on("message.delivered", function(stanza)
    local word = stanza.body
    if word == "slow" then
        await(sleep(2))
    elseif word == "to mercutio" and stanza.to_user ~= "mercutio" then
        return redirect("mercutio@localhost")
    elseif word == "known?" then
        local subscription = await(plugins.roster.subscription(stanza.to_bare, stanza.from_bare))
        local online = await(plugins.presence.is_online(stanza.from_bare))
        stanza.body = subscription .. ", " .. tostring(online)
    elseif word == "count" then
        local count = (await(store.get("counts", stanza.from_bare)) or 0) + 1
        await(store.put("counts", stanza.from_bare, count))
        stanza.body = tostring(count)
    end
end)

on("subscription.delivered", function(stanza)
    if stanza.type == "subscribe" and stanza.to_user == "mercutio" then
        return bounce("not-allowed")
    end
end)
