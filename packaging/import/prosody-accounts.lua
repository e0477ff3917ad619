-- Prints the accounts of a Prosody server with its usual storage ("internal") as JSON lines for
-- `nuncioctl import`. Run it as the user prosody, or as root:
--
--     lua prosody-accounts.lua /var/lib/prosody > accounts.jsonl
--
-- Reads HOST/accounts/USER.dat below the folder: SCRAM keys (internal_hashed) and passwords
-- (internal_plain). Any Lua from 5.1 on does.

local folder = arg[1]
if not folder then
    io.stderr:write("usage: prosody-accounts.lua FOLDER, as /var/lib/prosody\n")
    os.exit(2)
end

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(bytes)
    local out = {}
    for i = 1, #bytes, 3 do
        local a, b, c = bytes:byte(i, i + 2)
        local number = a * 65536 + (b or 0) * 256 + (c or 0)
        for _, place in ipairs { 262144, 4096, 64, 1 } do
            local digit = math.floor(number / place) % 64
            out[#out + 1] = digits:sub(digit + 1, digit + 1)
        end
        if not c then
            out[#out] = "="
        end
        if not b then
            out[#out - 1] = "="
        end
    end
    return table.concat(out)
end

local function from_hex(text)
    return (text:gsub("%x%x", function(pair)
        return string.char(tonumber(pair, 16))
    end))
end

local function json(text)
    return '"' .. text:gsub('[%c"\\]', function(c)
        return string.format("\\u%04x", c:byte())
    end) .. '"'
end

-- Prosody writes what is no letter or digit of a name as %xx.
local function decode(name)
    return (name:gsub("%%(%x%x)", function(pair)
        return string.char(tonumber(pair, 16))
    end))
end

-- A file is a table in Lua's own words; it is run with nothing that it could call.
local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    local chunk
    if setfenv then
        chunk = loadstring(text, "=" .. path)
        chunk = chunk and setfenv(chunk, {})
    else
        chunk = load(text, "=" .. path, "t", {})
    end
    local good, account = pcall(chunk or error)
    return good and type(account) == "table" and account or nil
end

local names = { [40] = "SCRAM-SHA-1", [64] = "SCRAM-SHA-256" } -- by the digits of a key

local function fields_of(account)
    local hash = type(account.stored_key) == "string" and names[#account.stored_key]
    if hash and account.server_key and account.salt and account.iteration_count then
        local keys = string.format("%s$%d:%s$%s:%s", hash, account.iteration_count,
            base64(account.salt), base64(from_hex(account.stored_key)),
            base64(from_hex(account.server_key)))
        return '"keys":[' .. json(keys) .. "]"
    end
    if type(account.password) == "string" and account.password ~= "" then
        return '"password":' .. json(account.password)
    end
end

local function quoted(text)
    return "'" .. text:gsub("'", "'\\''") .. "'"
end

local bad = 0
local found = io.popen("find " .. quoted(folder) .. " -path '*/accounts/*.dat' -type f | sort")
for path in found:lines() do
    local host, user = path:match("([^/]+)/accounts/([^/]+)%.dat$")
    local account = read(path)
    local fields = account and fields_of(account)
    if fields then
        print('{"jid":' .. json(decode(user) .. "@" .. decode(host)) .. "," .. fields .. "}")
    else
        bad = bad + 1
        io.stderr:write(path, ": holds neither SCRAM keys nor a password\n")
    end
end
found:close()
os.exit(bad == 0 and 0 or 1)
