-- Misbehaves with every 10th message, for ever: it is never made to rest here.
local count = 0
on("message.in", function()
    count = count + 1
    if count % 10 == 0 then
        local hoard = {} while true do hoard[#hoard + 1] = ("x"):rep(1000) .. #hoard end
    end
end)
