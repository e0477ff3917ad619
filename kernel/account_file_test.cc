#include "account_file.h"

#include <nuncio/crypto.h>
#include <nuncio/scram.h>

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

using namespace nuncio;
using namespace nuncio::kernel;

namespace {

const ScramKeys& keys(ScramHash hash)
{
    static const ScramKeys all[] = { make_scram_keys("pencil", "salt", 4096, ScramHash::sha1),
        make_scram_keys("pencil", "salt", 4096, ScramHash::sha256),
        make_scram_keys("pencil", "salt", 4096, ScramHash::sha512) };
    return all[static_cast<std::size_t>(hash)];
}

std::string text_of(ScramHash hash)
{
    return to_text(hash, keys(hash));
}

/// "LINE user@host password +SHA-1;" of each, and at the end what ended it.
std::string read(AccountFile& file, std::size_t most = 2)
{
    std::string told;
    for (;;) {
        const auto entries = file.read(most);
        if (!entries)
            return told + "error " + entries.error().text;
        if (entries->empty())
            return told;
        for (const FileEntry& entry : *entries) {
            told += std::to_string(entry.line) + ' ';
            if (!entry.account) {
                told += "bad: " + entry.account.error().text + ';';
                continue;
            }
            told += entry.account->user + '@' + entry.account->host;
            if (entry.account->password)
                told += ' ' + *entry.account->password;
            for (std::size_t i = 0; i < 3; ++i)
                if (const auto& kept = entry.account->keys[i]) {
                    const auto hash = static_cast<ScramHash>(i);
                    told += matches_scram_keys("pencil", *kept, hash) ? " +" : " !";
                    told += scram_name(hash).substr(6);
                }
            told += ';';
        }
    }
}

std::string read(const std::string& text, const AccountFileLimits& limits = {})
{
    return read(*AccountFile::over(text, limits));
}

std::string credentials(ScramHash hash)
{
    const ScramKeys& kept = keys(hash);
    return "<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='"
        + std::string(scram_name(hash)) + "'><iter-count>4096</iter-count><salt>"
        + to_base64(kept.salt) + "</salt><server-key>" + to_base64(kept.server_key)
        + "</server-key><stored-key>\n" + to_base64(kept.stored_key)
        + "\n</stored-key></scram-credentials>";
}

std::string host(std::string_view users, std::string_view jid = "capulet.lit")
{
    return "<host jid='" + std::string(jid) + "'>" + std::string(users) + "</host>";
}

std::string document(std::string_view hosts)
{
    return "<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='urn:xmpp:pie:0'>\n"
        + std::string(hosts) + "</server-data>\n";
}

}

TEST_CASE("JSON lines: each its own, with its line when it is bad")
{
    CHECK(read("{\"jid\":\"Romeo@Capulet.lit\",\"password\":\"a\"}\n\n"
               "{\"user\":\"juliet\",\"host\":\"b.lit\",\"keys\":[\""
              + text_of(ScramHash::sha1) + "\",\"" + text_of(ScramHash::sha512) + "\"]}\r\n"
              + "{\"user\":\"tybalt\",\"password\":\"c\"}")
        == "1 romeo@capulet.lit a;3 juliet@b.lit +SHA-1 +SHA-512;4 tybalt@ c;");
    CHECK(read("{\"jid\":\"a@b\",\"password\":\"x\"}\n{\"jid\":\n[1]\n{\"jid\":5}\n"
               "{\"jid\":\"a@b/c\",\"password\":\"x\"}\n{\"jid\":\"b\",\"password\":\"x\"}\n"
               "{\"jid\":\"a@b\"}\n{\"jid\":\"a@b\",\"password\":\"\"}\n"
               "{\"jid\":\"a@b\",\"password\":7}\n{\"jid\":\"a@b\",\"keys\":[\"x\"]}\n"
               "{\"user\":\"a b\",\"password\":\"x\"}\n{\"jid\":\"c@b\",\"password\":\"x\"}\n")
              .find("1 a@b x;2 bad: expected an object of JSON on a line;3 bad: expected an object "
                    "of JSON on a line;4 bad: jid: expected a text;5 bad: jid: expected "
                    "USER@HOST;6 bad: jid: expected USER@HOST;7 bad: has neither a password nor "
                    "SCRAM keys;8 bad: has neither a password nor SCRAM keys;9 bad: password: "
                    "expected a text;10 bad: keys: expected SCRAM keys")
        == 0);
    CHECK(read("{\"jid\":\"a@b\",\"keys\":[\"" + text_of(ScramHash::sha1) + "\",\""
              + text_of(ScramHash::sha1) + "\"]}")
        == "1 bad: has keys of one hash twice;");
}

TEST_CASE("CSV: columns by name, quoted as RFC 4180 has it")
{
    CHECK(read("\xEF\xBB\xBFuser,password,host,note\r\nromeo,\"a,\"\"b\"\"\",x.lit,\r\n"
               "juliet, c ,x.lit,hello\n")
        == "2 romeo@x.lit a,\"b\";3 juliet@x.lit  c ;");
    CHECK(read("jid,keys\na@b," + text_of(ScramHash::sha1) + ' ' + text_of(ScramHash::sha256))
        == "2 a@b +SHA-1 +SHA-256;");
    CHECK(read("jid,password\na@b\na@b,\"c\na@b,\"c\"d\nz@b,y")
        == "2 bad: expected 2 fields, not 1;3 bad: a field's quotation mark is not closed on its "
           "line;4 bad: expected a comma behind a quoted field;5 z@b y;");
    for (const char* none : { "name,password\n", "jid,jid,password\n", "jid\n", "hello" })
        CHECK(read(none).find("error 1: expected XML of XEP-0227") == 0);
    CHECK(read("").find("error 1: ") == 0);
}

TEST_CASE("XEP-0227: passwords and keys, of several hosts")
{
    CHECK(read(document(host("<user name='romeo' password='a'/>\n<user name='juliet'>"
                            + credentials(ScramHash::sha1) + credentials(ScramHash::sha256)
                            + "<vCard xmlns='vcard-temp'><FN>J</FN></vCard></user>")
              + host("<user name='hamlet' password='b'/>", "denmark.lit")))
        == "3 romeo@capulet.lit a;4 juliet@capulet.lit +SHA-1 +SHA-256;8 hamlet@denmark.lit b;");
    // One host's file of its own, as ejabberd writes it.
    CHECK(read("<host xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude' "
               "jid='capulet.lit'>\n<user name='romeo' password='a'/></host>")
        == "2 romeo@capulet.lit a;");
    CHECK(
        read(document("<host jid='a.lit'/><host jid='b.lit'><user name='x' password='y'/></host>"))
        == "3 x@b.lit y;");
    // Unknown hashes are of no use, but do no harm.
    CHECK(read(document(host("<user name='a'><scram-credentials xmlns='urn:xmpp:pie:0#scram' "
                             "mechanism='SCRAM-SHA3-512'/></user>")))
        == "3 bad: has neither a password nor SCRAM keys;");
}

TEST_CASE("XEP-0227: what is bad is told, and what cannot be read on ends it")
{
    CHECK(read(document(
              host("<user password='a'/>\n<user name='b'/>\n<user name='c' password='d'/>")))
        == "3 bad: user: local part: empty;4 bad: has neither a password nor SCRAM keys;5 "
           "c@capulet.lit d;");
    std::string odd = credentials(ScramHash::sha1);
    odd.replace(odd.find("4096"), 4, "many");
    CHECK(read(document(host("<user name='a'>" + odd + "</user>")))
        == "3 bad: SCRAM-SHA-1: expected iter-count, and salt, stored-key and server-key in "
           "Base64;");
    const std::string good = document(host("<user name='a' password='b'/>"));
    CHECK(read(good.substr(0, good.size() - 3))
        == "3 a@capulet.lit b;error 3: the file ends in the middle of its XML");
    CHECK(read(good + "<more/>") == "3 a@capulet.lit b;error 4: there is something behind the end");
    CHECK(read(document(host("<user name='a' password='b'/><user name='c' password='&bad;'/>")))
              .find("3 a@capulet.lit b;error 3: ")
        == 0);
    CHECK(read("<x/>").find("error 1: expected <server-data/> or <host/>") == 0);
    CHECK(read(document("<host><user name='a' password='b'/></host>"))
        == "error 3: a <host/> has no jid");
    CHECK(read(document("<host xmlns='urn:other' jid='a.lit'/>"))
        == "error 3: expected a <host/> of urn:xmpp:pie:0");
    CHECK(read("<!DOCTYPE a [<!ENTITY b 'c'>]><server-data xmlns='urn:xmpp:pie:0'/>")
              .find("error 1: ")
        == 0);
}

TEST_CASE("what is no account is remarked")
{
    const auto file = AccountFile::over("<server-data xmlns='urn:xmpp:pie:0' "
                                        "xmlns:xi='http://www.w3.org/2001/XInclude'>\n"
                                        "<xi:include href='capulet.xml'/>\n"
        + host("<user name='a' password='b'/><odd/>") + "</server-data>");
    CHECK(read(*file) == "3 a@capulet.lit b;");
    CHECK(file->take_remarks()
        == std::vector<std::string> {
            "2: includes capulet.xml: import that file, too", "3: <odd/> is no user" });
    CHECK(file->take_remarks().empty());
}

TEST_CASE("ejabberd's way to write keys in place of a password")
{
    const auto attribute = [](ScramHash hash, const std::string& name, bool is_twice) {
        const ScramKeys& kept = keys(hash);
        const auto encode = [&](const std::string& bytes) {
            return is_twice ? to_base64(to_base64(bytes)) : to_base64(bytes);
        };
        return "scram:" + name + encode(kept.stored_key) + ',' + encode(kept.server_key) + ','
            + encode(kept.salt) + ",4096";
    };
    const auto user = [](const std::string& password) {
        return read(document(host("<user name='a' password='" + password + "'/>")));
    };
    CHECK(user(attribute(ScramHash::sha1, "", false)) == "3 a@capulet.lit +SHA-1;");
    CHECK(user(attribute(ScramHash::sha1, "", true)) == "3 a@capulet.lit +SHA-1;");
    CHECK(user(attribute(ScramHash::sha256, "sha256,", false)) == "3 a@capulet.lit +SHA-256;");
    CHECK(user(attribute(ScramHash::sha512, "sha512,", true)) == "3 a@capulet.lit +SHA-512;");
    // Whoever likes such passwords keeps them.
    CHECK(user("scram:bled,eggs,and,4") == "3 a@capulet.lit scram:bled,eggs,and,4;");
}

TEST_CASE("every bound holds, and one byte less is fine")
{
    const std::string line = "{\"jid\":\"a@b\",\"password\":\"12345\"}";
    CHECK(read(line + "\n" + line, { .line_bytes = line.size() }) == "1 a@b 12345;2 a@b 12345;");
    CHECK(read(line + "\n" + line + " \n", { .line_bytes = line.size() })
        == "1 a@b 12345;error 2: the line is longer than " + std::to_string(line.size())
            + " bytes");
    CHECK(read(line + " ", { .line_bytes = line.size() }).find("error 1: ") == 0);
    CHECK(read(line, { .password_bytes = 5 }) == "1 a@b 12345;");
    CHECK(read(line, { .password_bytes = 4 }) == "1 bad: the password is longer than 4 bytes;");
    const std::string user
        = "<user name='a' password='b'><x>" + std::string(300, 'x') + "</x></user>";
    CHECK(read(document(host(user)), { .user_bytes = user.size() }) == "3 a@capulet.lit b;");
    CHECK(read(document(host(user)), { .user_bytes = user.size() - 1 })
        == "error 3: a user takes more than " + std::to_string(user.size() - 1) + " bytes");
}

TEST_CASE("a file is read through, however long, and must be an ordinary one")
{
    const auto folder
        = std::filesystem::temp_directory_path() / ("nuncio-accounts-" + to_hex(random_bytes(8)));
    std::filesystem::create_directory(folder);
    const auto path = (folder / "accounts.xml").string();
    constexpr int count = 3000;
    {
        std::ofstream out(path);
        std::string users;
        for (int i = 0; i < count; ++i)
            users += "<user name='u" + std::to_string(i) + "' password='p'/>\n";
        out << document(host(users));
    }
    const auto file = AccountFile::open(path);
    REQUIRE(file);
    int seen = 0;
    for (;;) {
        const auto entries = (*file)->read(16);
        REQUIRE(entries);
        if (entries->empty())
            break;
        for (const FileEntry& entry : *entries) {
            REQUIRE(entry.account);
            CHECK(entry.account->user == "u" + std::to_string(seen));
            CHECK(entry.line == std::uint64_t(3 + seen));
            ++seen;
        }
    }
    CHECK(seen == count);
    CHECK((*file)->bytes_read() == (*file)->bytes());

    const auto size = std::filesystem::file_size(path);
    CHECK(AccountFile::open(path, { .file_bytes = size }));
    CHECK_FALSE(AccountFile::open(path, { .file_bytes = size - 1 }));
    CHECK_FALSE(AccountFile::open(folder.string()));
    CHECK_FALSE(AccountFile::open((folder / "missing").string()));
    const auto fifo = (folder / "fifo").string();
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_FALSE(AccountFile::open(fifo));
    std::filesystem::remove_all(folder);
}

TEST_CASE("what is written is read back")
{
    FileAccount account { .host = "capulet.lit", .user = "romeo" };
    account.keys[0] = keys(ScramHash::sha1);
    account.keys[1] = keys(ScramHash::sha256);
    CHECK(read(to_json_line(account)) == "1 romeo@capulet.lit +SHA-1 +SHA-256;");
    CHECK(read(document(host(to_piefxis_user(account)))) == "3 romeo@capulet.lit +SHA-1 +SHA-256;");
}
