-- Registration only with an e-mail address of certain domains, and not for reserved names.
--
-- The e-mail address is a field of the registration form; it is not verified, so combine this with a token
-- (`token`, told to those who are invited) if that matters. Needs the plugin register with `open = true`.

policy {
    summary = "Registration by invitation",
    -- Who cannot be judged does not get an account.
    on_error = "refuse",
}

local config = config {
    domains = { type = "list", default = {}, doc = "Domains of e-mail addresses that may register. Empty: all." },
    token = { type = "string", default = "", doc = "The word that the field \"key\" must hold. Empty: none is needed." },
    reserved = { type = "list", default = { "admin", "administrator", "postmaster", "abuse", "support" },
        doc = "User names that nobody gets." },
}

local function contains(list, value)
    for _, item in ipairs(list) do
        if item:lower() == value then
            return true
        end
    end
    return false
end

on("registration", function(event)
    if contains(config.reserved, event.user) then
        return bounce("not-acceptable", "this name is reserved")
    end
    if config.token ~= "" and event:field("key") ~= config.token then
        return bounce("not-allowed", "registration is by invitation")
    end
    if #config.domains > 0 then
        local domain = (event:field("email") or ""):lower():match("^[^@%s]+@([^@%s]+)$")
        if not domain or not contains(config.domains, domain) then
            return bounce("not-allowed", "registration needs an e-mail address of an invited domain")
        end
    end
    log.info("registers:", event.jid, "from", event.address)
    return pass()
end)

local function attempt(user, fields)
    return run("registration", { user = user, jid = user .. "@example.org", address = "192.0.2.1",
        form = "<query xmlns='jabber:iq:register'><username>" .. user .. "</username>" .. (fields or "") .. "</query>" })
end

test("an invited domain registers, others do not", function()
    config.domains = { "Example.com" }
    expect(attempt("romeo", "<email>romeo@example.com</email>").verdict, "pass")
    expect(attempt("romeo", "<email>romeo@example.net</email>").condition, "not-allowed")
    expect(attempt("romeo", "<email>romeo@example.com@example.net</email>").condition, "not-allowed")
    expect(attempt("romeo").condition, "not-allowed")
end)

test("the token is asked for", function()
    config.token = "balcony"
    expect(attempt("romeo", "<key>balcony</key>").verdict, "pass")
    expect(attempt("romeo", "<key>tomb</key>").condition, "not-allowed")
end)

test("reserved names stay free", function()
    expect(attempt("postmaster").condition, "not-acceptable")
end)
