-- A test that fails.
test("one is two", function()
    expect(1, 2)
end)
