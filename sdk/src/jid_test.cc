#include <nuncio/jid.h>

#include <doctest/doctest.h>
#include <unordered_set>

using namespace nuncio;

namespace {

std::string prepared(std::string_view text)
{
    const auto jid = Jid::parse(text);
    return jid ? jid->text() : "error: " + jid.error().text;
}

bool refused(std::string_view text)
{
    return !Jid::parse(text);
}

}

TEST_CASE("the addresses of RFC 7622 §3.5 are addresses")
{
    CHECK(prepared("juliet@example.com") == "juliet@example.com");
    CHECK(prepared("juliet@example.com/foo") == "juliet@example.com/foo");
    CHECK(prepared("juliet@example.com/foo bar") == "juliet@example.com/foo bar");
    CHECK(prepared("juliet@example.com/foo@bar") == "juliet@example.com/foo@bar");
    CHECK(prepared("foo\\20bar@example.com") == "foo\\20bar@example.com");
    CHECK(prepared("fussball@example.com") == "fussball@example.com");
    CHECK(prepared("fu\u00DFball@example.com") == "fu\u00DFball@example.com");
    CHECK(prepared("\u03C0@example.com") == "\u03C0@example.com");
    CHECK(prepared("\u03A3@example.com/foo") == "\u03C3@example.com/foo");
    CHECK(prepared("\u03C3@example.com/foo") == "\u03C3@example.com/foo");
    CHECK(prepared("\u03C2@example.com/foo") == "\u03C2@example.com/foo");
    CHECK(prepared("king@example.com/\u265A") == "king@example.com/\u265A");
    CHECK(prepared("example.com") == "example.com");
    CHECK(prepared("example.com/foobar") == "example.com/foobar");
    CHECK(prepared("a.example.com/b@example.net") == "a.example.com/b@example.net");
}

TEST_CASE("the strings of RFC 7622 §3.5 that are no addresses are refused")
{
    CHECK(refused("\"juliet\"@example.com"));
    CHECK(refused("foo bar@example.com"));
    CHECK(refused("juliet@example.com/"));
    CHECK(refused("@example.com/"));
    CHECK(refused("@example.com"));
    CHECK(refused("henry\u2163@example.com"));
    CHECK(refused("\u265A@example.com"));
    CHECK(refused("juliet@"));
    CHECK(refused("/foobar"));
    CHECK(refused(""));
}

TEST_CASE("parts are told apart at the first slash and the first at sign")
{
    const auto jid = *Jid::parse("a@b.c/d/e@f");
    CHECK(jid.local() == "a");
    CHECK(jid.domain() == "b.c");
    CHECK(jid.resource() == "d/e@f");
    CHECK(jid.bare_text() == "a@b.c");
    CHECK(jid.bare().is_bare());
    CHECK(jid.is_full());
    CHECK(!jid.is_domain());
    CHECK(Jid::parse("b.c")->is_domain());
    CHECK(!Jid::parse("b.c/x")->is_domain());
    CHECK(Jid::parse("b.c/x")->bare().is_domain());
    CHECK(JidView().empty());
    CHECK(JidView().is_bare());
}

TEST_CASE("the local part is compared without regard to case or width, the resource is not")
{
    CHECK(prepared("JULIET@EXAMPLE.COM/Balcony") == "juliet@example.com/Balcony");
    CHECK(prepared("\uFF21\uFF22@x") == "ab@x");
    CHECK(prepared("\u00C4@x") == "\u00E4@x");
    CHECK(prepared("A\u0308@x") == "\u00E4@x");
    CHECK(prepared("x@x/A\u0308") == "x@x/\u00C4");
    CHECK(prepared("x@x/a\u00A0b\u3000c") == "x@x/a b c");
    CHECK(prepared("\u0130@x") == "i\u0307@x");
}

TEST_CASE("code points outside the classes are refused")
{
    for (const auto* local : { "\u00A0", "\u00AD", "\u200B", "\u2028", "\uFEFF", "\uFFFD", "\u1100",
             "\u0640", "\uFB01", "\u00BD", "\u0378", "\uE000", "\x7F", "\x01", "a\tb" })
        CHECK_MESSAGE(refused(std::string(local) + "@x"), local);
    for (const auto* resource :
        { "\x01", "\x7F", "\u00AD", "\u200B", "\u2028", "\u0378", "\uE000", "\t" })
        CHECK_MESSAGE(refused("x@x/" + std::string(resource)), resource);
    CHECK(refused("\xFF@x"));
    CHECK(refused("x@x/\xC3"));
    CHECK(refused(std::string_view("a\0b@x", 5)));
    for (const char excluded : std::string_view("\"&':<>"))
        CHECK_MESSAGE(refused(std::string(1, excluded) + "@x"), excluded);
    // Preparation must not bring in what is excluded.
    CHECK(refused("\uFF06@x"));
    CHECK(refused("\uFF20@x"));
}

TEST_CASE("code points with a context rule are allowed in it")
{
    CHECK(!refused("l\u00B7l@x"));
    CHECK(refused("a\u00B7l@x"));
    CHECK(!refused("\u0375\u03B1@x"));
    CHECK(refused("\u0375a@x"));
    CHECK(!refused("\u05D0\u05F3@x"));
    CHECK(refused("a\u05F3@x"));
    CHECK(!refused("\u30FB\u30AB@x"));
    CHECK(refused("a\u30FBb@x"));
    CHECK(!refused("\u0915\u094D\u200D\u0937@x"));
    CHECK(refused("\u0915\u200D@x"));
    CHECK(!refused("\u0628\u200C\u0628@x"));
    CHECK(refused("a\u200Cb@x"));
    CHECK(!refused("\u0628\u0660\u0661@x"));
    CHECK(refused("\u0628\u0660\u06F0@x"));
}

TEST_CASE("right-to-left local parts follow the Bidi rule")
{
    CHECK(!refused("\u05D0\u05D1@x"));
    CHECK(!refused("\u05D01@x"));
    CHECK(refused("1\u05D0@x"));
    CHECK(refused("\u05D0a@x"));
    CHECK(refused("a\u05D0@x"));
    CHECK(!refused("x@x/a\u05D0"));
}

TEST_CASE("domains are kept as U-labels, and addresses in one form")
{
    CHECK(prepared("EXAMPLE.com.") == "example.com");
    CHECK(prepared("a@xn--mnchen-3ya.de") == "a@m\u00FCnchen.de");
    CHECK(prepared("a@XN--MNCHEN-3YA.de") == "a@m\u00FCnchen.de");
    CHECK(prepared("a@M\u00DCNCHEN.de") == "a@m\u00FCnchen.de");
    CHECK(prepared("stra\u00DFe.de") == "stra\u00DFe.de");
    CHECK(prepared("a\u3002b") == "a.b");
    CHECK(refused("\u2603.de"));
    CHECK(prepared("127.0.0.1") == "127.0.0.1");
    CHECK(prepared("a@[2001:DB8:0::1]/x") == "a@[2001:db8::1]/x");
    CHECK(prepared("localhost") == "localhost");
    for (const auto* wrong : { ".", "..", "a..b", ".a", "-a", "a-", "a_b", "a b", "a@b@c", "ab--c",
             "xn--", "xn--a", "xn--\u00FC", "[::1", "[]", "[a]", "[1.2.3.4]", "a:b" })
        CHECK_MESSAGE(refused(wrong), wrong);
    CHECK(*domain_to_ascii("m\u00FCnchen.de") == "xn--mnchen-3ya.de");
    CHECK(*domain_to_ascii("example.com") == "example.com");
}

TEST_CASE("parts are 1023 bytes at most, after preparation; labels and names as DNS has them")
{
    const auto of = [](std::size_t size, const char* piece = "a") {
        std::string text;
        while (text.size() < size)
            text += piece;
        return text;
    };
    CHECK(!refused(of(1023) + "@x"));
    CHECK(refused(of(1024) + "@x"));
    CHECK(!refused("x/" + of(1023)));
    CHECK(refused("x/" + of(1024)));
    CHECK(Jid::parse("x/" + of(1024)).error().kind == Error::Kind::limit);
    CHECK(!refused(of(1022, "\u00E4") + "@x"));
    CHECK(refused(of(1024, "\u00E4") + "@x"));
    // Full-width letters take three bytes before preparation and one after.
    CHECK(!refused(of(3 * 1023, "\uFF41") + "@x"));
    CHECK(refused(of(3 * 1024, "\uFF41") + "@x"));
    CHECK(refused(of(1000000, "\u00E4") + "@x"));
    CHECK(!refused(of(63)));
    CHECK(refused(of(64)));
    std::string name = of(63) + "." + of(63) + "." + of(63) + ".";
    CHECK(!refused(name + of(61)));
    CHECK(refused(name + of(62)));
}

TEST_CASE("a plain address is not copied, another one fills the storage")
{
    Jid storage;
    const std::string plain = "juliet@example.com/balcony";
    const auto view = Jid::parse_view(plain, storage);
    REQUIRE(view);
    CHECK(view->text().data() == plain.data());
    CHECK(storage.empty());
    const auto other = Jid::parse_view("Juliet@example.com", storage);
    REQUIRE(other);
    CHECK(other->text().data() == storage.text().data());
    CHECK(Jid(*view).bare() == storage);
}

TEST_CASE("addresses are made of parts")
{
    CHECK(Jid::make("A", "B", "C")->text() == "a@b/C");
    CHECK(Jid::make("", "b")->text() == "b");
    CHECK(!Jid::make("a", ""));
    CHECK(!Jid::make("a/b", "c"));
    CHECK(!Jid::make("a", "b/c"));
    CHECK(Jid::parse("a@b/c")->with_resource("d/e")->text() == "a@b/d/e");
    CHECK(!Jid::parse("a@b")->with_resource(""));
}

TEST_CASE("addresses order, hash and compare by their text")
{
    const auto a = *Jid::parse("A@b");
    CHECK(a == *Jid::parse("a@B"));
    CHECK(a < *Jid::parse("b@b"));
    std::unordered_set<Jid, JidHash, std::equal_to<>> set { a };
    CHECK(set.count(*Jid::parse("a@b")) == 1);
    CHECK(JidHash()(a) == JidHash()(a.view()));
}

TEST_CASE("passwords keep case and get one form (RFC 8265 §4.3)")
{
    CHECK(*prepare_password("correct horse battery staple") == "correct horse battery staple");
    CHECK(*prepare_password("Correct") == "Correct");
    CHECK(*prepare_password("\u03C0\u00DF\u00E5") == "\u03C0\u00DF\u00E5");
    CHECK(*prepare_password("Jack of \u2666s") == "Jack of \u2666s");
    CHECK(*prepare_password("foo\u1680bar") == "foo bar");
    CHECK(!prepare_password(""));
    CHECK(!prepare_password("my cat is a \x09 by"));
}

TEST_CASE("user names are escaped and come back (XEP-0106 §5)")
{
    const std::pair<const char*, const char*> pairs[] = {
        { "space cadet", "space\\20cadet" },
        { "call me \"ishmael\"", "call\\20me\\20\\22ishmael\\22" },
        { "at&t guy", "at\\26t\\20guy" },
        { "d'artagnan", "d\\27artagnan" },
        { "/.fanboy", "\\2f.fanboy" },
        { "::foo::", "\\3a\\3afoo\\3a\\3a" },
        { "<foo>", "\\3cfoo\\3e" },
        { "user@host", "user\\40host" },
        { "c:\\net", "c\\3a\\net" },
        { "c:\\\\net", "c\\3a\\\\net" },
        { "c:\\cool stuff", "c\\3a\\cool\\20stuff" },
        { "c:\\5commas", "c\\3a\\5c5commas" },
        { "\\2plus\\2is\\4", "\\2plus\\2is\\4" },
        { "foo\\bar", "foo\\bar" },
        { "foo\\41r", "foo\\41r" },
        { "here's_a_wild_&_/cr%zy/_address", "here\\27s_a_wild_\\26_\\2fcr%zy\\2f_address" },
        { "tr\\20", "tr\\5c20" },
    };
    for (const auto& [plain, escaped] : pairs) {
        CHECK(escape_local(plain) == escaped);
        CHECK(unescape_local(escaped) == plain);
    }
    CHECK(escape_local("  a b ") == "a\\20b");
    CHECK(escape_local("  ").empty());
    CHECK(escape_local("").empty());
}
