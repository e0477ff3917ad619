-- Waits as often as it is told, and as long as somebody else takes.
policy { summary = "waits" }

on("message.delivered", function(stanza)
    local times = tonumber(stanza.body)
    if times then
        for _ = 1, times do
            await(sleep(1))
        end
        stanza.body = "waited " .. times
    elseif stanza.body == "long" then
        await(sleep(3))
        stanza.body = "waited long"
    elseif stanza.body == "too long" then
        await(sleep(4))
        stanza.body = "never said"
    end
end)
