#!/usr/bin/lua5.4
-- An auth script: knows the accounts in a file of lines USER:PASSWORD.
-- usage: check.lua FILE

local function accounts(file)
    local known = {}
    for line in io.lines(file) do
        local user, password = line:match("^([^#:][^:]*):(.*)$")
        if user then known[user] = password end
    end
    return known
end

local function answer(file, request)
    local operation, rest = request:match("^(%l+):(.*)$")
    if operation == "auth" then
        -- Everything behind the third colon is the password, colons and all.
        local user, password = rest:match("^([^:]*):[^:]*:(.*)$")
        return user and accounts(file)[user] == password
    elseif operation == "isuser" then
        local user = rest:match("^([^:]*):[^:]*$")
        return user and accounts(file)[user] ~= nil
    end
    return false
end

while true do
    local head = io.stdin:read(2)
    if not head or #head < 2 then break end -- the server has gone
    local length = string.unpack(">I2", head)
    local request = length > 0 and io.stdin:read(length) or ""
    if not request or #request < length then break end
    io.stdout:write(string.pack(">I2I2", 2, answer(arg[1], request) and 1 or 0))
    io.stdout:flush()
end
