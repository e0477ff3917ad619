#include <nuncio/plugin.h>
#include <nuncio/snapshot.h>

#include <doctest/doctest.h>
#include <memory>

using namespace nuncio;

TEST_CASE("a snapshot gives back what was put in, by name and kind")
{
    Snapshot snapshot;
    CHECK(snapshot.empty());
    snapshot.set_version(3);
    snapshot.put("yes", true);
    snapshot.put("count", 42);
    snapshot.put("large", std::uint64_t(1) << 40);
    snapshot.put("share", 0.5);
    snapshot.put("bytes", std::string_view("a\0b", 3));
    snapshot.put("list", Value::Array { 1, "two" });
    CHECK(snapshot.version() == 3);
    CHECK(snapshot.get("yes", false));
    CHECK(snapshot.get("count", 0) == 42);
    CHECK(snapshot.get("large", std::uint64_t(0)) == std::uint64_t(1) << 40);
    CHECK(snapshot.get("share", 0.0) == 0.5);
    CHECK(snapshot.get("bytes", "") == std::string("a\0b", 3));
    CHECK(snapshot.list("list").size() == 2);
    snapshot.put("count", 43);
    CHECK(snapshot.get("count", 0) == 43);
}

TEST_CASE("what a snapshot does not have, or has as something else, is the default")
{
    Snapshot snapshot;
    snapshot.put("text", "three");
    snapshot.put("large", std::int64_t(1) << 40);
    CHECK(snapshot.get("absent", 7) == 7);
    CHECK(snapshot.get("text", 7) == 7);
    CHECK(snapshot.get("large", 7) == 7);
    CHECK(snapshot.get("text", true));
    CHECK(snapshot.get("large", "none") == "none");
    CHECK(snapshot.list("text").empty());
    CHECK(snapshot.find("absent") == nullptr);
}

TEST_CASE("a snapshot keeps no place, which is shared with who made it")
{
    const auto file = std::make_shared<const std::string>("conf.d/x.toml");
    Value value(Value::Table { { "inner", 1 } });
    value.set_place({ file, 1, 1 });
    value["inner"].set_place({ file, 2, 2 });
    value["inner"].set_key_place({ file, 2, 1 });
    Snapshot snapshot;
    snapshot.put("value", value);
    value = {};
    CHECK(file.use_count() == 1);
}

namespace {

struct Forgetful final : Plugin {
    Result<void> start(Context&) override { return {}; }
};
struct Mindful final : Plugin {
    Result<void> start(Context&) override { return {}; }
    void save(Snapshot&) const override { }
};
struct MindfulChild : Plugin {
    Result<void> start(Context&) override { return {}; }

protected:
    void save(Snapshot&) const override { }
};

struct Plain { };
struct Carried {
    void save(Snapshot&) const { }
    void restore(const Snapshot&) { }
};

}

TEST_CASE("whether a plugin or a slot's value has something to hand over is known when it is built")
{
    CHECK_FALSE(detail::overrides_save<Forgetful>);
    CHECK(detail::overrides_save<Mindful>);
    CHECK(detail::overrides_save<MindfulChild>);
    CHECK_FALSE(detail::Carried<Plain>);
    CHECK(detail::Carried<Carried>);
}
