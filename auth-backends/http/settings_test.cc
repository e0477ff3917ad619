#include "settings.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

using namespace nuncio;
using namespace nuncio::http;

namespace {

Settings good()
{
    Settings settings;
    settings.urls = { "https://auth.example.org/xmpp" };
    return settings;
}

/// The option that is wrong; empty: none.
std::string wrong_option(const Settings& settings)
{
    Mistake mistake;
    const auto plan = make_plan(settings, "example.org", mistake);
    return plan ? "" : mistake.option;
}

/// What a file with this text makes.
std::string credentials(std::string_view text, std::string_view kind = "basic")
{
    std::string path = std::filesystem::temp_directory_path() / "nuncio-credentials-XXXXXX";
    const int file = ::mkstemp(path.data());
    REQUIRE(file >= 0);
    std::ofstream(path, std::ios::binary) << text;
    Settings settings = good();
    settings.credentials_file = path;
    settings.authorization = kind;
    const auto read = read_credentials(settings);
    std::filesystem::remove(path);
    if (!read)
        CHECK(read.error().kind == Error::Kind::unavailable);
    return read ? *read : "none";
}

}

TEST_CASE("passwords go to https, to this machine, or where the administrator insists")
{
    for (const char* const url : { "https://auth.example.org", "https://auth:8443/a/b",
             "https://192.0.2.1", "https://[2001:db8::1]:444/", "http://localhost:8080/x",
             "http://127.0.0.1:8080", "http://127.3.2.1", "http://[::1]:80/", "HTTP://localhost" })
        CHECK_MESSAGE(check_url(url, Protocol::rest, false), url);
    for (const char* const url : { "http://auth.example.org", "http://10.0.0.1", "http://0.0.0.0",
             "http://127.0.0.1.example.org", "http://localhost.example.org", "http://[::2]",
             "http://127.evil.test", "HTTP://auth.example.org" }) {
        CHECK_MESSAGE(!check_url(url, Protocol::rest, false), url);
        CHECK_MESSAGE(check_url(url, Protocol::rest, true), url);
    }
}

TEST_CASE("what is no address of a service is refused")
{
    for (const char* const url :
        { "", "auth.example.org", "ftp://auth.example.org", "file:///etc/passwd", "https://",
            "https://user:secret@auth.example.org", "https://auth.example.org/#x",
            "https://auth.example.org/a b", "https://auth.example.org/{name}", "https://{server}/x",
            "https://auth.example.org:99999" })
        CHECK_MESSAGE(!check_url(url, Protocol::json, true), url);
    CHECK_FALSE(check_url("https://auth.example.org/?a=b", Protocol::rest, false));
    CHECK(check_url("https://auth.example.org/?a=b", Protocol::json, false));
    CHECK(check_url("https://auth.example.org/{server}/{user}", Protocol::basic, false));
    // The address may have a secret in it, which is not for a log.
    CHECK(check_url("https://u:s3cret@a.test", Protocol::json, true).error().text.find("s3cret")
        == std::string::npos);
}

TEST_CASE("operations, and what each protocol can")
{
    CHECK(wrong_option(good()).empty());
    auto settings = good();
    settings.operations
        = { "check_password", "user_exists", "register", "set_password", "remove_user" };
    CHECK(wrong_option(settings).empty());
    settings.protocol = "basic";
    CHECK(wrong_option(settings) == "operations");
    settings.operations = { "user_exists" };
    settings.protocol = "rest";
    CHECK(wrong_option(settings) == "operations");
    settings.operations = { "check_password", "get_password" };
    CHECK(wrong_option(settings) == "operations");
    // By default a basic service is asked what it can answer.
    settings = good();
    settings.protocol = "basic";
    Mistake mistake;
    const auto plan = make_plan(settings, "example.org", mistake);
    REQUIRE(plan);
    CHECK(plan->can(Operation::check_password));
    CHECK_FALSE(plan->can(Operation::user_exists));
}

TEST_CASE("options that contradict one another are refused")
{
    auto settings = good();
    settings.urls.clear();
    CHECK(wrong_option(settings) == "urls");
    settings.urls.assign(16, "https://a");
    CHECK(wrong_option(settings).empty());
    settings.urls.assign(17, "https://a");
    CHECK(wrong_option(settings) == "urls");
    settings = good();
    for (const char* const status : { "399", "500", "40x", "", "-404", "4040" }) {
        settings.no_statuses = { status };
        CHECK(wrong_option(settings) == "no_statuses");
    }
    settings.no_statuses = { "401", "404" };
    CHECK(wrong_option(settings).empty());
    settings.credentials_file = "/secret";
    CHECK(wrong_option(settings) == "no_statuses");
    settings.no_statuses = { "404" };
    CHECK(wrong_option(settings).empty());
    settings.protocol = "basic";
    CHECK(wrong_option(settings) == "credentials_file");
    settings = good();
    settings.tls_certificate = "/certificate";
    CHECK(wrong_option(settings) == "tls_key");
    settings = good();
    settings.protocol = "basic";
    settings.method = "POST";
    CHECK(wrong_option(settings) == "method");
}

TEST_CASE("credentials are read from their file, and begin no header of their own")
{
    CHECK(credentials("nuncio:s3cret\n") == "Basic bnVuY2lvOnMzY3JldA==");
    CHECK(credentials("nuncio:a b:c\r\n") == "Basic bnVuY2lvOmEgYjpj");
    CHECK(credentials("nuncio") == "none");
    CHECK(credentials("") == "none");
    CHECK(credentials("t0ken\n", "bearer") == "Bearer t0ken");
    for (const char* const wrong : { "two words", "a\nX-Evil: 1", "a\rb", "\u00E4", "\n" })
        CHECK(credentials(wrong, "bearer") == "none");
    CHECK(credentials(std::string(4096, 'x'), "bearer") == "Bearer " + std::string(4096, 'x'));
    CHECK(credentials(std::string(4097, 'x'), "bearer") == "none");
    Settings settings = good();
    settings.credentials_file = "/nonexistent/credentials";
    CHECK_FALSE(read_credentials(settings));
}
