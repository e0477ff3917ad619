#include "program_check.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace nuncio::kernel {

namespace fs = std::filesystem;

namespace {

    /// A folder with one program in it.
    struct Bench {
        Bench()
        {
            std::string pattern = (fs::temp_directory_path() / "nuncio-program-XXXXXX").string();
            REQUIRE(::mkdtemp(pattern.data()));
            folder = pattern;
            fs::permissions(folder, fs::perms(0755));
        }
        ~Bench() { fs::remove_all(folder); }

        std::string file(const std::string& text, unsigned mode = 0755) const
        {
            const auto path = folder / "check";
            std::ofstream(path) << text;
            fs::permissions(path, fs::perms(mode));
            return path.string();
        }
        fs::path folder;
    };

    /// Empty when nothing is wrong.
    std::string complaint(const std::string& path, const std::string& folder = "/")
    {
        const auto checked = check_program({ .command = { path }, .folder = folder });
        return checked ? std::string() : checked.error().text;
    }

    bool says(const std::string& text, const std::string& part)
    {
        CAPTURE(text);
        return text.find(part) != std::string::npos;
    }

}

TEST_CASE("a program, a script, and a script with an argument for its interpreter are fine")
{
    const Bench bench;
    CHECK(complaint("/bin/ls").empty());
    CHECK(complaint(bench.file("#!/bin/sh\nexit\n")).empty());
    CHECK(complaint(bench.file("#! /usr/bin/env sh\n")).empty());
    CHECK(complaint(bench.file("#!/bin/sh")).empty());
}

TEST_CASE("what is missing, or in the way, is named")
{
    const Bench bench;
    const std::string path = (bench.folder / "check").string();
    CHECK(says(complaint(path), path + ": there is no such file: install it"));
    CHECK(says(complaint(path + "/deeper"), "there is no such file"));
    CHECK(says(complaint("check"), "full path"));
    CHECK(says(complaint(""), "full path"));
    CHECK(says(complaint(bench.folder.string()), "is not a file"));
    CHECK(says(complaint("/bin/ls", "/nonexistent"), "/nonexistent: is not a folder"));
}

TEST_CASE("a file that nobody may execute says how that is mended")
{
    const Bench bench;
    CHECK(says(complaint(bench.file("#!/bin/sh\n", 0644)), "chmod +x"));
}

TEST_CASE("a missing interpreter is told from a missing script")
{
    const Bench bench;
    const auto text = complaint(bench.file("#!/usr/bin/python9 -u\nprint()\n"));
    CHECK(says(text, "the interpreter /usr/bin/python9, which does not exist"));
    CHECK(says(complaint(bench.file("#!/etc/passwd\n")), "may not execute"));
    CHECK(says(complaint(bench.file("#!  \n")), "names no interpreter"));
}

TEST_CASE("scripts that editors have spoilt say what to do")
{
    const Bench bench;
    CHECK(says(complaint(bench.file("#!/bin/sh\r\nexit\r\n")), "CR LF"));
    CHECK(says(complaint(bench.file("\xEF\xBB\xBF#!/bin/sh\n")), "byte order mark"));
    CHECK(says(complaint(bench.file("import sys\n")), "text without an interpreter"));
    CHECK(says(complaint(bench.file("")), "is empty"));
}

}
