#include "completion.h"

#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>

using namespace nuncio;
using namespace nuncio::ctl;

namespace {

using Words = std::vector<std::string>;

Result<Value> answer(const std::string& command)
{
    if (command == "status")
        return Value::parse_json(R"({"hosts":[{"domain":"a.example"},{"domain":"b.example"}]})");
    if (command == "plugin list")
        return Value::parse_json(R"([{"name":"ping"},{"name":"roster"}])");
    return Value::parse_json(R"json([
        {"name":"connected-users","arguments":[{"name":"host","type":"host","required":false}]},
        {"name":"export","arguments":[
            {"name":"dry-run","type":"boolean","required":false},
            {"name":"to","type":"file","required":true}]},
        {"name":"help","arguments":[]},
        {"name":"kick","arguments":[
            {"name":"jid","type":"jid","required":true},
            {"name":"reason","type":"string","required":false}]},
        {"name":"plugin list","arguments":[]},
        {"name":"plugin load","arguments":[
            {"name":"plugin","type":"plugin","required":true},
            {"name":"host","type":"host","required":false}]}
    ])json");
}

std::string complete(const Words& words)
{
    return completions(answer, words);
}

/// What a shell prints that runs `program`.
std::string run(const std::string& shell, const std::string& program)
{
    REQUIRE(::setenv("NUNCIO_TEST", program.c_str(), 1) == 0);
    std::FILE* const pipe = ::popen(("exec " + shell + " -c \"$NUNCIO_TEST\"").c_str(), "r");
    REQUIRE(pipe);
    std::string output;
    for (int c = 0; (c = std::fgetc(pipe)) != EOF;)
        output += static_cast<char>(c);
    CHECK(::pclose(pipe) == 0);
    return output;
}

bool is_installed(const std::string& shell)
{
    const bool is_there = std::system(("command -v " + shell + " > /dev/null").c_str()) == 0;
    if (!is_there)
        MESSAGE(shell << " is not installed");
    return is_there;
}

/// What bash is left with for `line`, whose last word as readline cuts it is `current`, when
/// nuncioctl offers `offer`.
std::string bash_offers(
    const std::string& line, const std::string& current, const std::string& offer)
{
    return run("bash",
        completion_script("bash") + "nuncioctl() { echo '" + offer + "'; }; COMP_LINE='" + line
            + "'; COMP_POINT=${#COMP_LINE}; _nuncioctl nuncioctl '" + current
            + "'; echo \"${COMPREPLY[*]}\"");
}

/// What zsh would offer for the last of these words, when nuncioctl offers what it was asked; the
/// parts of zsh that do so on a terminal are stand-ins.
std::string zsh_offers(const std::string& words, const std::string& last)
{
    return run("zsh -f",
        "compdef() { }\n"
        "compadd() { [[ $1 == -a ]] && print -rl -- ${(P)2} }\n"
        "compset() { PREFIX=${PREFIX#${~2}} }\n"
        "_files() { print -r -- \"files like $PREFIX\" }\n"
        "nuncioctl() { [[ ${@[-1]} == *file* ]] && print :path || print -r -- \"${(j:|:)@}\" }\n"
            + completion_script("zsh") + "words=(" + words + " '" + last
            + "'); CURRENT=$#words; PREFIX='" + last + "'; _nuncioctl");
}

/// What fish offers for `line`, when nuncioctl offers its last word and what it was asked.
std::string fish_offers(const std::string& line)
{
    return run("fish --no-config",
        "function nuncioctl; echo $argv[-1](string join '|' $argv); end\n"
            + completion_script("fish") + "complete -C '" + line + "'");
}

}

TEST_CASE("the first word completes to commands and nuncioctl's own options")
{
    CHECK(complete({ "k" }) == "kick\n");
    CHECK(complete({ "pl" }) == "plugin\n");
    CHECK(complete({ "--js" }) == "--json\n");
    CHECK(complete({ "--json", "--data=/d", "con" }) == "connected-users\n");
    CHECK(complete({ "nothing", "" }).empty());
}

TEST_CASE("groups and their members complete, after help as well")
{
    CHECK(complete({ "plugin", "l" }) == "list\nload\n");
    CHECK(complete({ "help", "k" }) == "kick\n");
    CHECK(complete({ "help", "plugin", "" }) == "list\nload\n");
    CHECK(complete({ "help", "kick", "" }).empty());
    CHECK(complete({ "completion", "" }) == "bash\nfish\nzsh\n");
}

TEST_CASE("arguments complete by their type")
{
    CHECK(complete({ "plugin", "load", "" }) == "ping\nroster\n");
    CHECK(complete({ "plugin", "load", "--host", "a" }) == "a.example\n");
    CHECK(complete({ "plugin", "load", "--host=b" }) == "--host=b.example\n");
    CHECK(complete({ "plugin", "load", "--host", "a.example", "p" }) == "ping\n");
    CHECK(complete({ "kick", "ana" }).empty());
    CHECK(complete({ "kick", "ana@" }) == "ana@a.example\nana@b.example\n");
    CHECK(complete({ "export", "/tm" }) == ":path\n");
    CHECK(complete({ "export", "--dry-run", "/tm" }) == ":path\n");
    CHECK(complete({ "export", "--to=/tm" }) == ":path\n");
}

TEST_CASE("options that are still missing complete")
{
    CHECK(complete({ "plugin", "load", "--" }) == "--help\n--host\n--json\n--plugin\n");
    CHECK(complete({ "plugin", "load", "ping", "--" }) == "--help\n--host\n--json\n");
    CHECK(complete({ "plugin", "load", "ping", "--host=a.example", "" }) == "--help\n--json\n");
    CHECK(complete({ "plugin", "load", "ping", "" }) == "--help\n--host\n--json\n");
    CHECK(complete({ "kick", "a@b", "--reason", "" }).empty());
}

TEST_CASE("the shell completes the paths that nuncioctl's own options take")
{
    CHECK(complete({ "--data", "/v" }) == ":path\n");
    CHECK(complete({ "--socket=/v" }) == ":path\n");
    CHECK(complete({ "--data", "/v", "st" }).empty());
}

TEST_CASE("without a server there are the commands that every server has")
{
    const Ask nobody = [](const std::string&) { return Result<Value>(Error { "not running" }); };
    CHECK(completions(nobody, { "sto" }) == "stop\n");
    CHECK(completions(nobody, { "plugin", "un" }) == "unload\n");
    CHECK(completions(nobody, { "--v" }) == "--version\n");
}

TEST_CASE("bash replaces as much of a word as readline takes it for")
{
    CHECK(bash_offers("nuncioctl kick ana@lo", "@lo", "ana@localhost") == "@localhost\n");
    CHECK(bash_offers("nuncioctl list --host=lo", "lo", "--host=localhost") == "localhost\n");
    CHECK(bash_offers("nuncioctl ", "", "status") == "status\n");
    CHECK(bash_offers("nuncioctl --data /bi", "/bi", ":path") == "/bin\n");
    CHECK(bash_offers("nuncioctl --data=/bi", "/bi", ":path") == "/bin\n");
}

TEST_CASE("zsh asks with the words before, and completes files by itself")
{
    if (!is_installed("zsh"))
        return;
    CHECK(zsh_offers("nuncioctl plugin", "relo") == "__complete|plugin|relo\n");
    CHECK(zsh_offers("nuncioctl", "") == "__complete|\n");
    CHECK(zsh_offers("nuncioctl kick", "ana@lo") == "__complete|kick|ana@lo\n");
    CHECK(zsh_offers("nuncioctl export", "--to=file") == "files like file\n");
}

TEST_CASE("fish asks with the words before, and offers what comes back")
{
    if (!is_installed("fish"))
        return;
    CHECK(fish_offers("nuncioctl plugin relo") == "relo__complete|plugin|relo\n");
    CHECK(fish_offers("nuncioctl ") == "__complete|\n");
    CHECK(fish_offers("nuncioctl kick ana@lo") == "ana@lo__complete|kick|ana@lo\n");
}
