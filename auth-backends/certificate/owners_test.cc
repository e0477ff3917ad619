#include "owners.h"

#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::certificate;

namespace {

using Users = std::vector<std::string>;
using enum Source;

const std::string digits = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

ClientCertificate juliets()
{
    ClientCertificate made;
    made.is_trusted = true;
    made.xmpp_addresses = { "Juliet@capulet.lit", "nurse@capulet.lit", "juliet@montague.lit",
        "juliet@capulet.lit/balcony", "capulet.lit", "", "no address" };
    made.emails = { "J.Capulet@mail.capulet.lit", "romeo@montague.lit", "nobody", "@capulet.lit" };
    made.common_name = "Jule";
    made.fingerprint = digits;
    return made;
}

Rules rules_with(std::vector<Source> sources)
{
    return { "capulet.lit", std::move(sources), { "capulet.lit", "mail.capulet.lit" }, true };
}

Fingerprints file_with(std::string_view text)
{
    auto made = Fingerprints::parse(text);
    REQUIRE_MESSAGE(made, (made ? "" : made.error().text));
    return *std::move(made);
}

}

TEST_CASE("every source names users of this host and nobody else")
{
    const auto certificate = juliets();
    const auto file = file_with(digits + " jules\n");
    CHECK(owners_of(certificate, rules_with({ xmpp }), file) == Users { "juliet", "nurse" });
    CHECK(owners_of(certificate, rules_with({ email }), file) == Users { "j.capulet" });
    CHECK(owners_of(certificate, rules_with({ common_name }), file) == Users { "jule" });
    CHECK(owners_of(certificate, rules_with({ Source::file }), file) == Users { "jules" });
    CHECK(owners_of(certificate, rules_with({}), file).empty());
}

TEST_CASE("the first source that names anybody counts")
{
    auto certificate = juliets();
    const auto rules = rules_with({ email, xmpp, common_name });
    CHECK(owners_of(certificate, rules, {}) == Users { "j.capulet" });
    certificate.emails = { "juliet@elsewhere.example" };
    CHECK(owners_of(certificate, rules, {}) == Users { "juliet", "nurse" });
    certificate.xmpp_addresses.clear();
    CHECK(owners_of(certificate, rules, {}) == Users { "jule" });
    certificate.common_name = "juliet@montague.lit";
    CHECK(owners_of(certificate, rules, {}).empty());
    certificate.common_name = "juliet@capulet.lit";
    CHECK(owners_of(certificate, rules, {}) == Users { "juliet" });
    certificate.common_name = "Juliet Capulet, heir";
    CHECK(owners_of(certificate, rules, {}).empty());
}

TEST_CASE("what an untrusted certificate says of itself is not believed")
{
    auto certificate = juliets();
    certificate.is_trusted = false;
    const auto file = file_with(digits + " jules\n");
    auto rules = rules_with({ xmpp, email, common_name, Source::file });
    CHECK(owners_of(certificate, rules, file).empty());
    rules.trusted_only = false;
    CHECK(owners_of(certificate, rules, file) == Users { "jules" });
    CHECK(owners_of(certificate, rules, {}).empty());
}

TEST_CASE("a file of fingerprints is read as people write it")
{
    std::string with_colons;
    for (std::size_t i = 0; i < digits.size(); i += 2)
        with_colons += (i ? ":" : "") + digits.substr(i, 2);
    for (char& c : with_colons)
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const auto file
        = file_with("# who\n\n" + with_colons + "\tJuliet # her phone\r\n  " + digits + "  nurse");
    CHECK(file.find(digits) == Users { "juliet", "nurse" });
    CHECK(file.has_user("nurse"));
    CHECK_FALSE(file.has_user("romeo"));
    CHECK(file.find("00").empty());
}

TEST_CASE("a file of fingerprints that is wrong is refused with the line")
{
    for (const std::string& wrong :
        { digits, digits + " ", digits.substr(1) + " juliet", digits + "0 juliet",
            "x" + digits.substr(1) + " juliet", digits + " a@b", digits + " juliet capulet" }) {
        CAPTURE(wrong);
        const auto made = Fingerprints::parse("# one\n" + wrong + "\n");
        REQUIRE_FALSE(made);
        CHECK(made.error().text.starts_with("line 2: "));
    }
    const std::string comments(Fingerprints::max_lines - 1, '\n');
    CHECK(Fingerprints::parse(comments + digits + " juliet\n"));
    CHECK_FALSE(Fingerprints::parse(comments + "\n" + digits + " juliet\n"));
    CHECK_FALSE(Fingerprints::load("/nowhere/at/all"));
}
