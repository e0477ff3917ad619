#include "key.h"
#include "tokens.h"

#include <nuncio/temporary_folder.h>

#include <doctest/doctest.h>
#include <fstream>
#include <sys/stat.h>

using namespace nuncio;
using namespace nuncio::fast;

namespace {

constexpr WallTime now { std::chrono::milliseconds(1'700'000'000'000) };
constexpr Duration day = 24h;

WallTime at(Duration after)
{
    return now + std::chrono::floor<std::chrono::milliseconds>(after);
}

Token token(std::string id)
{
    return { std::move(id), "HT-SHA-256-NONE", now, at(21 * day) };
}

bool refused(const Result<Use>& use)
{
    return !use && use.error().kind == Error::Kind::refused;
}

}

TEST_CASE("a new token becomes the current one at its first use, and ends the one before")
{
    Tokens tokens { token("old"), token("new") };
    const auto used = use(tokens, "new", {}, now, day);
    REQUIRE(used);
    CHECK(used->has_changed);
    CHECK_FALSE(used->is_due);
    CHECK(tokens.current->id == "new");
    CHECK_FALSE(tokens.fresh);
    CHECK(refused(use(tokens, "old", {}, now, day)));
}

TEST_CASE("as long as the new token is not used, the old one is good")
{
    Tokens tokens { token("old"), token("new") };
    const auto used = use(tokens, "old", {}, now, day);
    REQUIRE(used);
    CHECK_FALSE(used->has_changed);
    CHECK(tokens.fresh->id == "new");
    CHECK(use(tokens, "new", {}, now, day));
}

TEST_CASE("a token is due at its age, and ends with its lifetime")
{
    Tokens tokens { token("one"), {} };
    CHECK_FALSE(use(tokens, "one", {}, at(day - 1ms), day)->is_due);
    CHECK(use(tokens, "one", {}, at(day), day)->is_due);
    CHECK(use(tokens, "one", {}, at(21 * day - 1ms), day));
    CHECK(refused(use(tokens, "one", {}, at(21 * day), day)));
}

TEST_CASE("a count that was there before is refused, a use without one is not")
{
    Tokens tokens { {}, token("one") };
    CHECK(use(tokens, "one", { .count = 5 }, now, day)->has_changed);
    CHECK(refused(use(tokens, "one", { .count = 5 }, now, day)));
    CHECK(refused(use(tokens, "one", { .count = 4 }, now, day)));
    CHECK(use(tokens, "one", {}, now, day));
    CHECK(use(tokens, "one", { .count = 6 }, now, day));
    CHECK(tokens.current->count == 6);
    CHECK(refused(use(tokens, "one", { .count = 6 }, now, day)));
}

TEST_CASE("who logs out has no token any more")
{
    for (const char* used : { "old", "new" }) {
        Tokens tokens { token("old"), token("new") };
        CHECK(use(tokens, used, { .invalidates = true }, now, day)->has_changed);
        CHECK(tokens.empty());
    }
    Tokens tokens { token("old"), {} };
    tokens.current->count = 3;
    CHECK(refused(use(tokens, "old", { .count = 3, .invalidates = true }, now, day)));
    CHECK_FALSE(tokens.empty());
}

TEST_CASE("tokens are read back as they were written, and damaged ones are no tokens")
{
    Tokens tokens { token("old"), token("new"), "Gajim <1>", "Kiva's phone" };
    tokens.current->count = 4'000'000'000;
    tokens.current->password_mark = "5eal";
    tokens.current->proved_at = at(-day);
    const auto read = read_tokens(to_text(tokens));
    REQUIRE(read);
    CHECK(read->current->id == "old");
    CHECK(read->current->count == 4'000'000'000);
    CHECK(read->current->password_mark == "5eal");
    CHECK(read->current->proved_at == at(-day));
    CHECK(read->fresh->password_mark.empty());
    CHECK(read->fresh->mechanism == "HT-SHA-256-NONE");
    CHECK(read->fresh->issued_at == now);
    CHECK(read->fresh->expires_at == at(21 * day));
    CHECK(read->software == "Gajim <1>");
    CHECK(read->device == "Kiva's phone");
    CHECK_FALSE(read_tokens("{\"current\":"));
    CHECK(read_tokens("[]")->empty());
    CHECK(read_tokens("{\"current\":7,\"new\":{\"id\":7}}")->empty());
}

TEST_CASE("the key is made once, is nobody else's, and half of one is an error")
{
    const testkit::TemporaryFolder folder;
    const auto key = load_key(folder.path());
    REQUIRE(key);
    CHECK(key->size() == 32);
    CHECK(*load_key(folder.path()) == *key);
    struct stat file { };
    ::stat(folder.path("key").c_str(), &file);
    CHECK((file.st_mode & 0777) == 0600);
    std::ofstream(folder.path("key"), std::ios::trunc) << "half";
    const auto half = load_key(folder.path());
    REQUIRE_FALSE(half);
    CHECK(half.error().text.find(folder.path("key")) != std::string::npos);
    CHECK_FALSE(load_key(folder.path("nowhere")));
}

TEST_CASE("a secret follows from the key, and from everything that names the token")
{
    const std::string key(32, 'k');
    const auto secret = derive_secret(key, "a@b", "client", "id");
    CHECK(secret == derive_secret(key, "a@b", "client", "id"));
    CHECK(secret.size() == 18 + 64);
    CHECK(secret != derive_secret(std::string(32, 'l'), "a@b", "client", "id"));
    CHECK(secret != derive_secret(key, "a@c", "client", "id"));
    CHECK(secret != derive_secret(key, "a@b", "clienti", "d"));
    CHECK(secret != derive_secret(key, "a@b", "client", "ie"));
}

TEST_CASE("a token ends with the password that it stands for")
{
    Tokens tokens { token("old"), token("new") };
    tokens.current->password_mark = "one";
    tokens.fresh->password_mark = "two";
    CHECK_FALSE(drop_stale(tokens, "old", "one").took_it);
    CHECK(tokens.current);
    CHECK_FALSE(tokens.fresh);
    const auto changed = drop_stale(tokens, "old", "three");
    CHECK(changed.took_it);
    CHECK(changed.has_changed);
    CHECK(tokens.empty());
    // A backend that could not tell, and can now, or the other way: who knows what it was before.
    for (const auto& [before, now_it_is] :
        { std::pair { "", "one" }, std::pair { "one", "" }, std::pair { "one", "on" } }) {
        Tokens unsure { token("one"), {} };
        unsure.current->password_mark = before;
        CHECK(drop_stale(unsure, "one", now_it_is).took_it);
    }
    Tokens same { token("one"), token("two") };
    CHECK_FALSE(drop_stale(same, "one", "").has_changed);
}

TEST_CASE("tokens without a mark end some time after the password, however often they are replaced")
{
    const Lifetimes lifetimes { .token = 21 * day, .unmarked = 90 * day };
    const auto renewed = [&](std::string mark) {
        Tokens tokens;
        const auto with_id = [&](std::string id) {
            return Token {
                .id = std::move(id), .mechanism = "HT-SHA-256-NONE", .password_mark = mark
            };
        };
        REQUIRE(add(tokens, with_id("0"), {}, now, lifetimes));
        CHECK(tokens.fresh->expires_at == at(21 * day));
        for (int i = 1; i <= 5; ++i) {
            const auto when = at(i * 20 * day);
            const auto last = std::to_string(i - 1);
            if (!use(tokens, last, {}, when, day))
                return i;
            REQUIRE(add(tokens, with_id(std::to_string(i)), last, when, lifetimes));
            CHECK(tokens.fresh->issued_at == when);
        }
        return 0;
    };
    CHECK(renewed("") == 5); // after 100 days, not after 80
    CHECK(renewed("a mark") == 0);
}

TEST_CASE("a token that was given back is replaced where a change of the password would show")
{
    const Lifetimes lifetimes { .token = 21 * day, .unmarked = 90 * day };
    Tokens tokens { token("one"), {} };
    REQUIRE(use(tokens, "one", { .invalidates = true }, now, day));
    CHECK_FALSE(add(tokens, token("two"), "one", now, lifetimes));
    CHECK(tokens.empty());
    Token marked = token("two");
    marked.password_mark = "a mark";
    CHECK(add(tokens, marked, "one", now, lifetimes));
    CHECK(tokens.fresh->id == "two");
}

TEST_CASE("a mark is sealed by the key, for one account")
{
    const std::string key(32, 'k');
    const auto sealed = seal_mark(key, "a@b", "2026");
    CHECK(sealed == seal_mark(key, "a@b", "2026"));
    CHECK(sealed.size() == 64);
    CHECK(sealed != seal_mark(std::string(32, 'l'), "a@b", "2026"));
    CHECK(sealed != seal_mark(key, "a@c", "2026"));
    CHECK(sealed != seal_mark(key, "a@b", "2027"));
    CHECK(seal_mark(key, "a@b", {}).empty());
}
