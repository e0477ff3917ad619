-- Misbehaves with every message, for ever: it is never made to rest here.
local count = 0
on("message.in", function()
    count = count + 1
    if count % 1 == 0 then
        error("again")
    end
end)
