-- Adds a line to the messages that leave the host for others.
--
-- Such as organisations want under what their people write to the outside. Encrypted messages (OMEMO, OpenPGP)
-- have no readable body and are left alone, as are errors.

policy {
    summary = "Adds a footer to messages that leave the host",
    on_error = "pass",
}

local config = config {
    text = { type = "string", default = "", doc = "The footer. Empty: nothing is added." },
    inside = { type = "boolean", default = false, doc = "Also to messages within the host." },
}

on("message.in", { stage = "late" }, function(stanza)
    local body = stanza.body
    if not body or config.text == "" or stanza.type == "error" or stanza.type == "groupchat" then
        return pass()
    end
    if not config.inside and (not stanza.to_domain or stanza.to_domain == nuncio.host) then
        return pass()
    end
    -- XEP-0384, XEP-0373, XEP-0380: the body is only a note that there is more.
    if stanza:has("encrypted") or stanza:has("openpgp") or stanza:has("encryption", "urn:xmpp:eme:0") then
        return pass()
    end
    stanza.body = body .. "\n--\n" .. config.text
    return pass()
end)

local function to(address, xml)
    return message { from = "romeo@example.org/x", to = address, type = "chat", body = "hi", xml = xml }
end

test("what leaves gets the footer", function()
    config.text = "House of Montague"
    expect(run("message.in", to("juliet@capulet.example")).stanza.body, "hi\n--\nHouse of Montague")
    expect(run("message.in", to("benvolio@" .. nuncio.host)).stanza.body, "hi")
    config.inside = true
    expect(run("message.in", to("benvolio@" .. nuncio.host)).stanza.body, "hi\n--\nHouse of Montague")
end)

test("encrypted messages are left alone", function()
    config.text = "House of Montague"
    local secret = to("juliet@capulet.example", "<encrypted xmlns='eu.siacs.conversations.axolotl'/>")
    expect(run("message.in", secret).stanza.body, "hi")
end)
