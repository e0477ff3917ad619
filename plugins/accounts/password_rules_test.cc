#include "password_rules.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace nuncio;
using namespace nuncio::accounts;

namespace {

std::string objection(const PasswordRules::Options& options, std::string_view password)
{
    const auto rules = PasswordRules::create(options);
    REQUIRE(rules);
    const auto checked = rules->check("romeo", password);
    return checked ? std::string() : checked.error().text;
}

}

TEST_CASE("length counts characters at the lower end, bytes at the upper")
{
    const PasswordRules::Options options { .min_length = 4, .max_bytes = 8 };
    CHECK(objection(options, "abc") == "the password needs at least 4 characters");
    CHECK(objection(options, "abcd").empty());
    CHECK(objection(options, "\u00e4\u00f6\u00fc") == "the password needs at least 4 characters");
    CHECK(objection(options, "\u00e4\u00f6\u00fc\u00df").empty());
    CHECK(objection(options, "123456789") == "the password is longer than 8 bytes");
}

TEST_CASE("the user name makes no password")
{
    CHECK(objection({ .min_length = 1 }, "Romeo") == "the password contains the user name");
    CHECK(objection({ .min_length = 1 }, "xRoMeOx") == "the password contains the user name");
    CHECK(objection({ .min_length = 1, .may_contain_user = true }, "romeo").empty());
    const auto rules = PasswordRules::create({ .min_length = 1 });
    CHECK(rules->check("a", "apple"));
    CHECK_FALSE(rules->check("a", "a"));
}

TEST_CASE("what is guessed first is not taken, whatever its case")
{
    const auto file
        = std::filesystem::temp_directory_path() / ("nuncio-common-" + std::to_string(::getpid()));
    std::ofstream(file) << "correcthorse\r\n\nPassword1\n";
    const PasswordRules::Options options { .min_length = 1, .common_file = file };
    CHECK(
        objection(options, "CorrectHorse") == "the password is among those that are guessed first");
    CHECK_FALSE(objection(options, "password1").empty());
    CHECK(objection(options, "password2").empty());
    std::filesystem::remove(file);
    const auto missing = PasswordRules::create(options);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().kind == Error::Kind::unavailable);
}
