-- Misbehaves with every 10th message, for ever: it is never made to rest here.
local count = 0
on("message.in", function()
    count = count + 1
    if count % 10 == 0 then
        while true do pcall(function() while true do end end) end
    end
end)
