-- Fails for a word; what it cannot judge is refused.
policy { summary = "fails", on_error = "refuse" }

on("message.in", function(stanza)
    if stanza.body == "fail" then
        error("asked for")
    end
end)
