#!/usr/bin/env python3
"""Compiles the listings of the developers guide.

A ```cpp block that includes something is a translation unit of its own; another is the body of a
function. A block that says ```cpp file=PATH must be that file; --update writes it anew. So must
one of any language in the administrator's guide.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```cpp([^\n]*)\n(.*?)^```$", re.S | re.M)
FILE = re.compile(r"^```([a-z]+ file=([^\n]+))\n(.*?)^```$", re.S | re.M)
PREAMBLE = """#include <nuncio/plugin.h>
#include <nuncio/xml_stream.h>
#include <nuncio/roster.h>
#include <cassert>
using namespace nuncio;
"""


def compile_listing(compiler, text):
    if "#include" not in text:
        text = PREAMBLE + "[[maybe_unused]] static void listing()\n{\n" + text + "}\n"
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "listing.cc"
        source.write_text(text)
        done = subprocess.run(
            [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
             "-Wno-unused-variable", "-Wno-unused-but-set-variable", f"-I{ROOT}/sdk/include", str(source)],
            capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stderr


def compare_files(guide, update):
    """How many listings of files there are, and how many differ."""
    text = guide.read_text()
    found = FILE.findall(text)
    differing = [file for _, file, listing in found if (ROOT / file).read_text() != listing]
    if update:
        guide.write_text(FILE.sub(lambda m: f"```{m[1]}\n{(ROOT / m[2]).read_text()}```", text))
        return len(found), 0
    for file in differing:
        print(f"not ok {guide.name}: differs from {file}; run {sys.argv[0]} --update")
    return len(found), len(differing)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", default="g++")
    parser.add_argument("--update", action="store_true", help="write the listings of files anew")
    arguments = parser.parse_args()
    guide = ROOT / "docs" / "developers-guide.md"
    text = guide.read_text()
    failures = checked = 0
    pool = ThreadPoolExecutor(os.cpu_count())
    compiled = {match.start(): pool.submit(compile_listing, arguments.compiler, match.group(2))
                for match in BLOCK.finditer(text)}

    def visit(match):
        nonlocal failures, checked
        checked += 1
        tag, listing = match.group(1).strip(), match.group(2)
        line = text[: match.start()].count("\n") + 1
        if tag.startswith("file="):
            file = (ROOT / tag[5:]).read_text()
            if arguments.update:
                return f"```cpp {tag}\n{file}```"
            if file != listing:
                failures += 1
                print(f"not ok {guide.name}:{line}: differs from {tag[5:]}; run {sys.argv[0]} --update")
        errors = compiled[match.start()].result()
        if errors:
            failures += 1
            print(f"not ok {guide.name}:{line}: does not compile\n{errors}")
        return match.group(0)

    changed = BLOCK.sub(visit, text)
    if arguments.update:
        guide.write_text(changed)
    files, differing = compare_files(ROOT / "docs" / "admin-guide.md", arguments.update)
    checked, failures = checked + files, failures + differing
    print(f"{checked - failures} passed, {failures} failed")
    return 1 if failures or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
