-- Sessions and logins.
policy { summary = "who comes in" }

on("login", function(event)
    if event.user == "tybalt" then
        return bounce("not-authorized", "no Tybalt")
    end
end)

on("session.open", function(event)
    if event.jid:match("/crypt$") then
        return drop("nobody from there")
    end
    send(message { to = event.jid, type = "chat", body = "welcome, " .. event.user })
end)
