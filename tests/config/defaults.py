#!/usr/bin/env python3
"""conf.d reads without mistakes, names every option with its true default, and has a file for every plugin.

usage: defaults.py NUNCIOD SOURCE_FOLDER
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

OPTION = re.compile(r"^#?([a-z_]+) = (.*)$")


def described(nunciod):
    """{section: {option: default}}, as the program tells them."""
    text = subprocess.run([nunciod, "--describe-options"], check=True, capture_output=True, text=True).stdout
    sections, current = {}, None
    for line in text.splitlines():
        if line.startswith("["):
            current = sections.setdefault(line, {})
        elif match := re.match(r"^  ([a-z_]+) = (.*)$", line):
            current[match[1]] = match[2]
    return sections


def written(folder):
    """{section: {option: value}} of what the files show, commented out or not."""
    sections, current = {}, None
    for file in sorted(folder.glob("*.toml")):
        for line in file.read_text().splitlines():
            if line.startswith("["):
                title = re.sub(r'^\[hosts\."localhost"\]', '[hosts."DOMAIN"]', line)
                current = sections.setdefault(title, {})
            elif match := OPTION.match(line):
                current[match[1]] = match[2]
    return sections


def uncommented(text):
    return "\n".join(line[1:] if OPTION.match(line) and line.startswith("#") else line for line in text.splitlines())


def problems_of_check(nunciod, folder, data):
    ran = subprocess.run([nunciod, "--config", folder, "--data", data, "--check"], capture_output=True, text=True)
    return [] if ran.returncode == 0 else ran.stderr.splitlines()


def main(nunciod, source):
    source = pathlib.Path(source)
    conf = source / "conf.d"
    problems = []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "data/certs").mkdir(parents=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-keyout", scratch / "data/certs/localhost.key",
                        "-out", scratch / "data/certs/localhost.crt"], check=True, capture_output=True)
        problems += problems_of_check(nunciod, conf, scratch / "data")

        # Every line that is commented out must be right, too.
        shutil.copytree(conf, scratch / "all")
        for file in (scratch / "all").glob("*.toml"):
            file.write_text(uncommented(file.read_text()))
        problems += problems_of_check(nunciod, scratch / "all", scratch / "data")

    in_files = written(conf)
    for section, options in described(nunciod).items():
        if section == "[[listen]]":
            continue  # two examples, not defaults
        shown = in_files.get(section)
        if shown is None:
            problems.append(f"conf.d has no {section}")
            continue
        for option, default in options.items():
            if option in ("plugins", "iq_disciplines", "enabled"):
                continue  # explained in words
            if option not in shown:
                problems.append(f"conf.d does not show {section} {option} = {default}")
            elif shown[option] != default:
                problems.append(f"conf.d shows {section} {option} = {shown[option]}, but it is {default}")

    for folder in [*(source / "plugins").iterdir(), *(source / "auth-backends").iterdir()]:
        if (folder / "CMakeLists.txt").exists() and not (conf / f"50-{folder.name}.toml").exists():
            problems.append(f"conf.d has no 50-{folder.name}.toml")

    for problem in problems:
        print(problem, file=sys.stderr)
    print("conf.d is right" if not problems else f"{len(problems)} problems")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
