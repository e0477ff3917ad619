#include "account_row.h"
#include "decoy.h"
#include "derived_keys.h"

#include <nuncio/temporary_folder.h>

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::sql;

namespace {

const Formats everything { Format::scram, Format::crypt, Format::ldap, Format::pbkdf2,
    Format::plain, Format::legacy };

bool is_right(
    const StoredPassword& stored, const std::string& password, const Formats& formats = everything)
{
    const auto secret = read_secret(stored, formats);
    if (!secret)
        FAIL(secret.error().text);
    return matches(*secret, password);
}
bool is_right(
    const std::string& stored, const std::string& password, const Formats& formats = everything)
{
    return is_right(StoredPassword { stored }, password, formats);
}

std::string refusal(const std::string& stored, const Formats& formats)
{
    const auto secret = read_secret({ stored }, formats);
    return secret ? "" : secret.error().text;
}

/// RFC 5802 §5 and RFC 7677 §3: their salts, and keys that another implementation derived.
constexpr const char* scram_lines
    = "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/"
      "fTE=\n"
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
      "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

/// Made by OpenSSL's and libxcrypt's own tools, by Python's hashlib, or taken from what is named.
struct Known {
    const char* stored;
    const char* password;
    Format format;
};
constexpr Known known[] = {
    { scram_lines, "pencil", Format::scram },
    { "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
      "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        "pencil", Format::scram },
    { "{SCRAM-SHA-1}4096,QSXCR+Q6sek8bf92,6dlGYMOdZcOPutkcNY8U2g7vK9Y=,"
      "D+CSWLOshSulAsxiupA+qs2/fTE=",
        "pencil", Format::scram },
    // Drepper, "Unix crypt using SHA-256 and SHA-512"
    { "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!", Format::crypt },
    { "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBF"
      "dcbYEdFCoEOfaS35inz1",
        "Hello world!", Format::crypt },
    // Openwall, crypt_blowfish
    { "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U", Format::crypt },
    { "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2", "pencil", Format::crypt },
    { "$2y$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2", "pencil", Format::crypt },
    { "$y$j75$saltsaltsalt$4Cu8tzilZXyFLHCIGnuzEv2fKGdQmOqyPZfhuC.NiaA", "pencil", Format::crypt },
    { "$gy$j75$saltsaltsalt$VqUQkwMTyf0ThamjWv8v3BE4Iq2MJDBOkYpMt7oGy/3", "pencil", Format::crypt },
    { "$7$CU..../....saltsaltsalt$Y0/J9bnziWEV0lg008tNkkn5dD2KFNlVbuQoz1Nwn9D", "pencil",
        Format::crypt },
    { "$sha1$4$saltsalt$bvzEn20tnW2LuaGyprUuGU6R1/0N", "pencil", Format::crypt },
    { "{CRYPT}$2y$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2", "pencil",
        Format::crypt },
    { "{BLF-CRYPT}$2y$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2", "pencil",
        Format::crypt },
    { "{sha256-crypt}$5$rounds=1000$saltstring$IDMRVjjzM7pxdq5saV3T0Syncing1KAt3iS2GewFZH1",
        "pencil", Format::crypt },
    { "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuul4sQUff44qSKG/XJ.fK3hoNl91mgcyq", "pencil",
        Format::crypt },
    { "{SSHA}dFWAdLXeDBTj01WbdotiS4s3zKlzYWx0", "pencil", Format::ldap },
    { "{SSHA256}IYelL73vS+N1Dkg7GnOUyJVYF5JifvEjClIz+j2xsMtzYWx0", "pencil", Format::ldap },
    { "{SSHA512}i+D5SE7oOTxtkWXKlKHrQFnLB6mUMJx0OsVpWYhRi1RnUIQeI+9gQr+ANhi3p4fmzzh6sx3Lx4cvamioI"
      "p/8sXNhbHQ=",
        "pencil", Format::ldap },
    { "{SSHA512.hex}8be0f9484ee8393c6d9165ca94a1eb4059cb07a994309c743ac5695988518b546750841e23ef60"
      "42bf803618b7a787e6cf387ab31dcbc7872f6a68a8229ffcb173616c74",
        "pencil", Format::ldap },
    { "pbkdf2_sha256$1000$seasalt$O7d631RswBimc7adhwqvMcl01JZ6YQJjvQeGDt4xZdA=", "pencil",
        Format::pbkdf2 },
    { "pbkdf2_sha1$1000$seasalt$82gBT+dsg/ON9SaNh3ErPWnDvOE=", "pencil", Format::pbkdf2 },
    { "{PLAIN}pencil", "pencil", Format::plain },
    { "pencil", "pencil", Format::plain },
    { "{SHA}0vxRJJChUDZGC1SJQBQ51tpUB/o=", "pencil", Format::legacy },
    { "$1$saltsalt$wCrc3hcrR95SV83Xh8Z.41", "pencil", Format::legacy },
    { "{MD5-CRYPT}$1$saltsalt$wCrc3hcrR95SV83Xh8Z.41", "pencil", Format::legacy },
    { "_J9..rasmc4dDPuFCaAQ", "pencil", Format::legacy },
};

}

TEST_CASE("every format knows its password, and no other")
{
    for (const Known& one : known) {
        CAPTURE(std::string(one.stored));
        CHECK(is_right(one.stored, one.password, { Format::scram, one.format }));
        for (const std::string wrong : { "", "pencils", "Pencil", "hello world!", one.stored })
            if (wrong != one.password)
                CHECK_FALSE(is_right(one.stored, wrong, { Format::scram, one.format }));
    }
    CHECK(is_right("abJ32bJMdTsnY", "pencil", { Format::legacy }));
    CHECK_FALSE(is_right("abJ32bJMdTsnY", "abJ32bJMdTsnY", { Format::legacy }));
}

TEST_CASE("a format that is not listed is an error, and never taken for a plain password")
{
    for (const Known& one : known) {
        if (one.format == Format::plain)
            continue;
        CAPTURE(std::string(one.stored));
        Formats others;
        for (std::size_t i = 0; i < format_count; ++i)
            if (static_cast<Format>(i) != one.format && one.stored[0] != '_')
                others.push_back(static_cast<Format>(i));
        const auto why = refusal(one.stored, others);
        CHECK(why.find(to_string(one.format)) != std::string::npos);
        // The error says which scheme, and nothing of the hash.
        CHECK(why.find(std::string(one.stored).substr(12, 8)) == std::string::npos);
    }
    CHECK_FALSE(refusal("pencil", { Format::crypt }).empty());
    CHECK_FALSE(refusal("abJ32bJMdTsnY", { Format::crypt }).empty());
    CHECK_FALSE(refusal("{ARGON2ID}$argon2id$v=19$m=65536", everything).empty());
    // Alone, plain means that nothing else stands there.
    CHECK(is_right("$6$is my password", "$6$is my password", { Format::plain }));
}

TEST_CASE("ejabberd's columns: SHA-1, the later hashes with their name, and plain")
{
    const StoredPassword sha1 { "6dlGYMOdZcOPutkcNY8U2g7vK9Y=", "QSXCR+Q6sek8bf92",
        "D+CSWLOshSulAsxiupA+qs2/fTE=", 4096 };
    CHECK(is_right(sha1, "pencil"));
    CHECK_FALSE(is_right(sha1, "pencils"));
    CHECK_FALSE(is_right(sha1, "6dlGYMOdZcOPutkcNY8U2g7vK9Y="));
    const StoredPassword sha256 { "sha256:WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
        "W22ZaJ0SNY7soEsUEjb6gQ==", "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=", 4096 };
    CHECK(is_right(sha256, "pencil"));
    const auto secret = read_secret(sha256, everything);
    REQUIRE(secret);
    CHECK(std::get<ScramSecret>(*secret).keys[1]);
    CHECK_FALSE(std::get<ScramSecret>(*secret).keys[0]);
    CHECK(is_right(StoredPassword { "pencil", "", "", 0 }, "pencil"));
    CHECK_FALSE(read_secret(sha1, { Format::plain }));
}

TEST_CASE("what is damaged is an error, what is locked matches nothing")
{
    for (const std::string bad : { "SCRAM-SHA-1$0:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+"
                                   "CSWLOshSulAsxiupA+qs2/fTE=",
             "SCRAM-SHA-256$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+"
             "CSWLOshSulAsxiupA+qs2/fTE=",
             "SCRAM-SHA-1$4096", "SCRAM-SHA-224$1:a$b:c", "{SSHA}",
             "{SSHA}0vxRJJChUDZGC1SJQBQ51tpUB/o=", "{SSHA}!", "{SSHA.HEX}0g", "pbkdf2_sha256$x$y$z",
             "pbkdf2_sha256$0$seasalt$O7d631RswBi"
             "mc7adhwqvMcl01JZ6YQJjvQeGDt4xZdA=" }) {
        CAPTURE(bad);
        CHECK_FALSE(read_secret({ bad }, everything));
    }
    for (const std::string locked :
        { "", "!", "*", "!!", "x", "!$6$saltstring$svn8UoSVapNtMuq1" }) {
        CAPTURE(locked);
        for (const std::string guess : { "", "!", "*", "x", "pencil" })
            CHECK_FALSE(is_right(locked, guess, { Format::scram, Format::crypt }));
    }
    // crypt(3) answers these with a failure token, which must not be taken for a hash.
    for (const std::string broken : { "$6$", "$2b$04$short", "$y$", "$unknown$x" }) {
        CAPTURE(broken);
        CHECK_FALSE(is_right(broken, "*0"));
        CHECK_FALSE(is_right(broken, "pencil"));
    }
}

TEST_CASE("a hash that would take minutes is not tried")
{
    const auto allowed
        = [](const std::string& stored) { return read_secret({ stored }, everything).ok(); };
    CHECK(allowed("$6$rounds=10000000$saltstring$x"));
    CHECK_FALSE(allowed("$6$rounds=10000001$saltstring$x"));
    CHECK_FALSE(allowed("$5$rounds=99999999999999999999$saltstring$x"));
    CHECK(allowed("$2b$17$abcdefghijklmnopqrstuu"));
    CHECK_FALSE(allowed("$2b$18$abcdefghijklmnopqrstuu"));
    CHECK_FALSE(allowed("$2b$31$abcdefghijklmnopqrstuu"));
    CHECK(allowed("$y$jET$saltsaltsalt$x")); // N = 2^17
    CHECK_FALSE(allowed("$y$jFT$saltsaltsalt$x"));
    CHECK_FALSE(allowed("$7$GU..../....saltsaltsalt$x"));
    CHECK(allowed("$7$FU..../....saltsaltsalt$x"));
    CHECK_FALSE(
        allowed("pbkdf2_sha256$10000001$seasalt$O7d631RswBimc7adhwqvMcl01JZ6YQJjvQeGDt4xZdA="));
    CHECK_FALSE(allowed("SCRAM-SHA-1$10000001:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+"
                        "CSWLOshSulAsxiupA+qs2/fTE="));
}

TEST_CASE("hashes of other software are of what was typed; SCRAM keys of what RFC 8265 makes of it")
{
    // "pâß", composed; typed with a combining accent it is prepared to the same.
    const std::string composed = "p\xC3\xA2\xC3\x9F", decomposed = "pa\xCC\x82\xC3\x9F";
    const std::string hash = "$6$rounds=1000$saltstring$VGRNkWlBUJkobfa3bjG6ycBCUjRe9sdH2sC1O06eKi/"
                             "uv8D0r2KPkjPg9MyhZMKJu./KUGjMBTivJBgX/NijT1";
    CHECK(is_right(hash, composed));
    CHECK(is_right(hash, decomposed));
    CHECK(is_right(composed, decomposed, { Format::plain }));
    CHECK(is_right(decomposed, composed, { Format::plain }));
    for (const Format format : { Format::scram, Format::crypt, Format::plain }) {
        const auto made = make_password(
            decomposed, { .format = format, .hashes = { ScramHash::sha256 }, .iterations = 4096 });
        REQUIRE(made);
        CHECK(is_right(made->text, decomposed, { format }));
        CHECK(is_right(made->text, composed, { format }) == (format != Format::crypt));
    }
}

TEST_CASE("a zero does not end a password for crypt(3)")
{
    const std::string hash = "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2";
    CHECK_FALSE(is_right(hash, std::string("pencil\0more", 11)));
    CHECK_FALSE(make_password(std::string("pencil\0more", 11), { .format = Format::crypt }));
}

TEST_CASE("new passwords are read back, and never stored in the clear unless that was asked for")
{
    const NewPasswordOptions scram { .format = Format::scram,
        .hashes = { ScramHash::sha256, ScramHash::sha1, ScramHash::sha512 },
        .iterations = 4096 };
    const auto one = make_password("pencil", scram);
    const auto two = make_password("pencil", scram);
    REQUIRE(one);
    REQUIRE(two);
    CHECK(one->text != two->text);
    CHECK(one->text.find("pencil") == std::string::npos);
    CHECK(is_right(one->text, "pencil", { Format::scram }));
    CHECK_FALSE(is_right(one->text, "pencils", { Format::scram }));
    // The columns are of the first hash.
    CHECK(matches_scram_keys("pencil", one->keys, ScramHash::sha256));
    const auto secret = read_secret({ one->text }, { Format::scram });
    REQUIRE(secret);
    for (const auto& keys : std::get<ScramSecret>(*secret).keys)
        CHECK(keys);
    CHECK(to_text(std::get<ScramSecret>(*secret)) == one->text);

    for (const std::string prefix : { "", "$y$", "$2y$", "$6$" }) {
        CAPTURE(prefix);
        const auto made
            = make_password("pencil", { .format = Format::crypt, .crypt_prefix = prefix });
        REQUIRE(made);
        CHECK(made->text.starts_with(prefix.empty() ? "$" : prefix));
        CHECK(is_right(made->text, "pencil", { Format::crypt }));
    }
    CHECK_FALSE(make_password("", scram));
}

TEST_CASE("nobody's password costs as much as the last one that was compared")
{
    Decoy decoy({ .format = Format::scram, .hashes = { ScramHash::sha256 }, .iterations = 4096 });
    CHECK(std::holds_alternative<ScramSecret>(*decoy.secret()));
    CHECK_FALSE(matches(*decoy.secret(), "pencil"));
    decoy.resemble(CryptSecret { "$6$saltstring$x" });
    CHECK(std::get<CryptSecret>(*decoy.secret()).hash == "$6$saltstring$x");
    decoy.resemble(NoSecret());
    CHECK(std::holds_alternative<CryptSecret>(*decoy.secret()));
    for (std::size_t i = 0; i < format_count; ++i) {
        Decoy other({ .format = static_cast<Format>(i),
            .hashes = { ScramHash::sha1 },
            .iterations = 4096 });
        CHECK_FALSE(std::holds_alternative<NoSecret>(*other.secret()));
    }
}

TEST_CASE("keys of a plain password have the same salt every time, and follow the password")
{
    DerivedKeys keys("secret", 4096, 2);
    const auto first = keys.make("ana", ScramHash::sha256, "pencil");
    REQUIRE(first);
    CHECK(matches_scram_keys("pencil", *first, ScramHash::sha256));
    CHECK(keys.find("ana", ScramHash::sha256, "pencil"));
    CHECK_FALSE(keys.find("ana", ScramHash::sha1, "pencil"));
    CHECK_FALSE(keys.find("ana", ScramHash::sha256, "changed"));
    const auto changed = keys.make("ana", ScramHash::sha256, "changed");
    REQUIRE(changed);
    CHECK(changed->salt == first->salt);
    CHECK(matches_scram_keys("changed", *changed, ScramHash::sha256));
    CHECK(keys.make("bob", ScramHash::sha256, "pencil")->salt != first->salt);
    CHECK(DerivedKeys("secret", 4096, 0).make("ana", ScramHash::sha256, "x")->salt == first->salt);
    // Full: who was not asked for the longest time goes.
    CHECK(keys.find("ana", ScramHash::sha256, "changed"));
    REQUIRE(keys.make("cem", ScramHash::sha256, "pencil"));
    CHECK(keys.find("cem", ScramHash::sha256, "pencil"));
    CHECK(keys.find("ana", ScramHash::sha256, "changed"));
    CHECK_FALSE(keys.find("bob", ScramHash::sha256, "pencil"));
}

TEST_CASE("the secret of the salts is made once, and a damaged one is told")
{
    const testkit::TemporaryFolder folder;
    const auto secret = DerivedKeys::load_secret(folder.path());
    REQUIRE(secret);
    CHECK(secret->size() == 32);
    CHECK(*DerivedKeys::load_secret(folder.path()) == *secret);
    folder.write("salt-secret", "short");
    CHECK_FALSE(DerivedKeys::load_secret(folder.path()));
    CHECK_FALSE(DerivedKeys::load_secret(folder.path("missing")));
}

TEST_CASE("columns are found by name, and a row of somebody else does not count")
{
    Answer answer { { "USERNAME", "Password", "Salt", "ServerKey", "IterationCount", "disabled" },
        { { "Ana", "other", Field(), Field(), "0", "1" },
            { "ana", "key", "salt", "server", "4096", Field() } } };
    const auto account = read_account(answer, "ana", "example.org");
    REQUIRE(account);
    REQUIRE(*account);
    REQUIRE((*account)->passwords.size() == 1);
    CHECK((*account)->passwords[0].password == "key");
    CHECK((*account)->passwords[0].iterations == 4096);
    CHECK_FALSE((*account)->is_disabled);
    CHECK((*read_account(answer, "Ana", "example.org"))->is_disabled);
    CHECK_FALSE(*read_account(answer, "bob", "example.org"));
    answer.rows[0][0] = "bob@example.org";
    CHECK(*read_account(answer, "bob", "example.org"));
    CHECK_FALSE(*read_account(answer, "bob", "example.net"));
    answer.rows[1][4] = "many";
    CHECK_FALSE(read_account(answer, "ana", "example.org"));

    // One column, of any name; NULL is no password.
    const auto bare = read_account({ { "pw" }, { { Field() } } }, "ana", "example.org");
    REQUIRE(bare);
    REQUIRE(*bare);
    CHECK((*bare)->passwords[0].password.empty());
}

TEST_CASE("columns that do not fit together are told")
{
    CHECK(problem_with({ "pw" }).empty());
    CHECK(problem_with({ "username", "PASSWORD" }).empty());
    CHECK(problem_with({ "password", "salt", "serverkey", "iterationcount" }).empty());
    CHECK_FALSE(problem_with({}).empty());
    CHECK_FALSE(problem_with({ "username", "pw" }).empty());
    CHECK_FALSE(problem_with({ "password", "serverkey" }).empty());
}

TEST_CASE("what a database calls true")
{
    for (const char* yes : { "1", "t", "true", "TRUE", "y", "yes", "\x01", "2026-01-01" })
        CHECK(is_true(Field(yes)));
    for (const char* no : { "", "0", "f", "False", "n", "NO" })
        CHECK_FALSE(is_true(Field(no)));
    CHECK_FALSE(is_true(Field()));
    CHECK_FALSE(is_true(Field(std::string(1, '\0'))));
}
