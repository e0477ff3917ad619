-- Misbehaves with every 10th message, for ever: it is never made to rest here.
local count = 0
on("message.in", function()
    count = count + 1
    if count % 10 == 0 then
        return drop(("a"):rep(27):match(("a?"):rep(27) .. ("a"):rep(27) .. "b"))
    end
end)
