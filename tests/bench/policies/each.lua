-- What an ordinary policy does with every message: it reads, it looks for a pattern, it counts.
on("message.in", function(stanza)
    local body = stanza.body
    if not body then
        return pass()
    end
    if body:find("https?://") then
        return drop("a link")
    end
    if shared.add(stanza.from_bare, 1, 30) > 1000000000 then
        return bounce("resource-constraint")
    end
    return pass()
end)
