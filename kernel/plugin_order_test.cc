#include "plugin_order.h"

#include <doctest/doctest.h>

using namespace nuncio::kernel;

namespace {

struct Notes {
    std::vector<PluginNote> notes;

    Notes& add(std::string name, std::vector<std::string> provides = {},
        std::vector<std::string> needs = {}, std::vector<std::string> after = {})
    {
        PluginNote note;
        note.name = std::move(name);
        note.provides = std::move(provides);
        note.requires_ = std::move(needs);
        note.after = std::move(after);
        notes.push_back(std::move(note));
        return *this;
    }
    std::vector<const PluginNote*> pointers() const
    {
        std::vector<const PluginNote*> all;
        for (const PluginNote& note : notes)
            all.push_back(&note);
        return all;
    }
    PluginOrder order() const { return order_plugins(pointers()); }
    std::string text() const
    {
        std::string names;
        for (const std::size_t index : order().order)
            names += (names.empty() ? "" : " ") + notes[index].name;
        return names;
    }
    std::string reason(const std::string& name) const
    {
        for (const auto& [index, reason] : order().left_out)
            if (notes[index].name == name)
                return reason;
        return {};
    }
};

}

TEST_CASE("providers start before who requires them, the rest by name")
{
    CHECK(Notes()
              .add("roster", { "roster/1" }, { "storage/1" })
              .add("presence", {}, { "roster/1" })
              .add("sqlite", { "storage/1" })
              .add("disco")
              .text()
        == "disco sqlite roster presence");
}

TEST_CASE("after is an order and no requirement, of an interface or a plugin")
{
    CHECK(Notes().add("a", {}, {}, { "z" }).add("z").text() == "z a");
    CHECK(Notes().add("a", {}, {}, { "log/1" }).add("z", { "log/1" }).text() == "z a");
    CHECK(Notes().add("a", {}, {}, { "nobody/1" }).text() == "a");
    CHECK(Notes().add("a", {}, {}, { "b" }).add("b", {}, {}, { "a" }).text() == "a b");
}

TEST_CASE("all providers of one interface come before who requires it")
{
    CHECK(Notes()
              .add("a-login", {}, { "auth/1" })
              .add("ldap", { "auth/1" })
              .add("internal", { "auth/1" })
              .text()
        == "internal ldap a-login");
}

TEST_CASE("who lacks a provider is left out, with those that need it in turn")
{
    const Notes notes = Notes()
                            .add("roster", { "roster/1" }, { "storage/1" })
                            .add("presence", {}, { "roster/1" })
                            .add("ping");
    CHECK(notes.text() == "ping");
    CHECK(notes.reason("roster") == "requires storage/1, which no enabled plugin provides");
    CHECK(notes.reason("presence") == "requires roster/1 of roster, which is left out");
}

TEST_CASE("what runs already counts as provided")
{
    const Notes notes = Notes().add("roster", {}, { "storage/1" });
    const std::vector<std::string> available { "storage/1" };
    CHECK(order_plugins(notes.pointers(), available).order.size() == 1);
}

TEST_CASE("a circle is named and left out; who hangs on it goes with it")
{
    const Notes notes = Notes()
                            .add("a", { "a/1" }, { "b/1" })
                            .add("b", { "b/1" }, { "c/1" })
                            .add("c", { "c/1" }, { "a/1" })
                            .add("d", {}, { "a/1" })
                            .add("e");
    CHECK(notes.text() == "e");
    CHECK(notes.reason("b").find("a → b → c → a") != std::string::npos);
    CHECK(notes.reason("d").find("requires a/1 of a, which is left out") != std::string::npos);
}

TEST_CASE("a plugin that requires what it provides itself starts")
{
    CHECK(Notes().add("a", { "a/1" }, { "a/1" }).text() == "a");
}

TEST_CASE("only who has no other provider depends on one")
{
    const Notes notes = Notes()
                            .add("internal", { "auth/1" })
                            .add("ldap", { "auth/1" })
                            .add("sqlite", { "storage/1" })
                            .add("register", {}, { "auth/1", "storage/1" });
    CHECK(dependents_of(notes.pointers(), 0).empty());
    CHECK(dependents_of(notes.pointers(), 2) == std::vector<std::size_t> { 3 });
}
