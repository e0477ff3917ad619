-- A policy with a test.
on("message.in", function(stanza)
    if stanza.body == "no" then
        return drop("no")
    end
end)

test("no is dropped", function()
    expect(run("message.in", message { from = "a@b/c", to = "d@e", body = "no" }).verdict, "drop")
    expect(run("message.in", message { from = "a@b/c", to = "d@e", body = "yes" }).verdict, "pass")
end)
