#!/usr/bin/env python3
"""Finds public names of the SDK that no comment explains.

A `///` comment covers the declarations below it up to the next blank line, `///<` the one it follows.
Constructors without arguments, copies and moves, destructors, operators, begin and end, and what is
defaulted, deleted or declared elsewhere need none; nor do enumerators and data members, whose names and types speak, nor anything in `detail`. Prints each
name as FILE:LINE: TEXT.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = ROOT / "sdk" / "include" / "nuncio"

EXEMPT = re.compile(r"^(?:explicit\s+)?(?:constexpr\s+)?(\w+)\s*\((?:const )?\1\s*&|\b(?:begin|end)\(\) const|\bawait_\w+\(|"
                    r"\)\s*->|\w>?::\w+\s*\([^()]*\)[\s{]*$|=\s*(default|delete)\b|\boperator\b|^\s*(using|friend|static_assert|typedef|extern)\b|~\w+\s*\(")
CLASS = re.compile(r"^(?:template\s*<.*?>\s*)?(?:requires\b.*?)?(?:enum\s+)?(class|struct|union|enum)\s+"
                   r"(?:NUNCIO_API\s+|\[\[\w+\]\]\s+)*(\w+)")
SPECIALISATION = re.compile(r"^template\s*<\s*>|^(?:template\s*<.*>\s*)?(?:class|struct)\s+(?:\[\[\w+\]\]\s+)?\w+<")


def strip_line(line):
    """Without strings and comments."""
    line = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
    line = re.sub(r"'(?:[^'\\]|\\.)'", "' '", line)
    return re.sub(r"//.*", "", line)


def scope_of(statement, outer):
    if re.search(r"\bnamespace\b", statement):
        return "hidden" if outer == "hidden" or re.search(r"namespace\s*$|namespace\b.*\bdetail\b", statement) else "public"
    found = CLASS.match(statement)
    if found and "(" not in re.sub(r"alignas\(.*?\)|requires\(.*?\)|<.*>", "", statement.split("{")[0]):
        if found.group(0).startswith("enum") or "enum " in statement.split(found.group(2))[0]:
            return "hidden"
        return "private" if found.group(1) == "class" and outer != "hidden" else outer
    return "hidden"  # a function's body, an initialiser


def needs_comment(statement, name_of_class):
    if EXEMPT.search(statement) or SPECIALISATION.match(statement):
        return False
    if CLASS.match(statement):
        return "{" in statement
    if "(" not in re.sub(r"<[^<>]*>", "", statement.split("=")[0]):
        return False  # data
    return not (name_of_class and re.search(rf"\b{name_of_class}\s*\(\s*\)", statement))


def findings(path):
    scopes, classes = ["public"], [""]
    is_covered, statement, began, depth = False, "", 0, 0
    continued = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        if continued or text.startswith("#"):
            continued = text.endswith("\\")
            continue
        if not text:
            is_covered = False
            continue
        if text.startswith("///") and not text.startswith("///<"):
            is_covered = True
            continue
        has_own = "///<" in line
        for part in re.split(r"([{};])", strip_line(text)):
            if not part.strip():
                continue
            if part == "{":
                depth_before = statement.count("(") - statement.count(")")
                if depth_before > 0:  # a default argument
                    statement += part
                    depth += 1
                    continue
                statement = statement.strip()
                inner = scope_of(statement, scopes[-1])
                if scopes[-1] == "public" and not re.search(r"\bnamespace\b", statement) \
                        and needs_comment(statement + " {", classes[-1]) and not (is_covered or has_own):
                    yield number if began == 0 else began, statement
                found = CLASS.match(statement)
                scopes.append(inner)
                classes.append(found.group(2) if found else "")
                statement, began = "", 0
            elif part == "}":
                if depth > 0:
                    depth -= 1
                    statement += part
                    continue
                if len(scopes) > 1:
                    scopes.pop()
                    classes.pop()
                statement, began = "", 0
            elif part == ";":
                if depth > 0 or statement.count("(") > statement.count(")"):
                    statement += part
                    continue
                statement = statement.strip()
                if statement and scopes[-1] == "public" and needs_comment(statement, classes[-1]) \
                        and not (is_covered or has_own):
                    yield began or number, statement
                statement, began = "", 0
            else:
                label = re.match(r"^\s*(public|protected|private)\s*:\s*", part)
                if label and scopes[-1] in ("public", "private"):
                    # What is protected is between the SDK and itself.
                    scopes[-1] = "public" if label.group(1) == "public" else "private"
                    part = part[label.end():]
                if part.strip():
                    began = began or number
                    statement += " " + part


def main():
    failed = 0
    headers = sorted(HEADERS.glob("*.h"))
    for path in headers:
        for number, statement in findings(path):
            failed += 1
            print(f"{path.relative_to(ROOT)}:{number}: {' '.join(statement.split())[:90]}")
    return 1 if failed or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
