#!/usr/bin/env python3
"""What somebody outside of the project does with the installed SDK.

    tests/sdk/outside.py --build build/release

Installs the build into a temporary prefix, and in a clean folder beside it, with nothing but that
prefix, builds the developers guide's two examples and a scaffolded plugin, tests them, checks good and
bad files, and drops the good ones into a running server. Ends with `N passed, N failed`.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "interop"))
from servers import Nuncio  # noqa: E402
from support.environment import Account, Environment  # noqa: E402
from support.wire import Wire  # noqa: E402

LISTING = re.compile(r"^```cpp file=(\S+)\n(.*?)^```$", re.S | re.M)
FIRST_PORT = 27100

# Each breaks one rule; the plugin itself is too small to break another.
PLUGIN = """#include <nuncio/plugin.h>
struct Small final : nuncio::Plugin {
    nuncio::Result<void> start(nuncio::Context&) override { return {}; }
};
NUNCIO_PLUGIN(Small, "small", "1.0", "Does nothing")
"""
BAD = [
    # what is added to the link, a source beside it, and what the refusal says
    (["-Wl,-soname,small.so"], "", "SONAME"),
    (["-Wl,-z,lazy"], "", "bound lazily"),
    (["-Wl,-z,nodelete"], "", "NODELETE"),
    (["-Wl,-z,execstack"], "", "executable stack"),
    (["-Wl,-rpath,$ORIGIN"], "", "RUNPATH"),
    (["-Wl,--build-id=none"], "", "build id"),
    ([], "__attribute__((visibility(\"default\"))) int leaked() { return 1; }", "leaked()"),
    (["-fgnu-unique"], "template <class T> struct __attribute__((visibility(\"default\"))) One { static inline int"
     " count = 0; };\nint* one() { return &One<int>::count; }", "unique in the process"),
    (["-Wl,-z,undefs"], "int nobody();\nint somebody() { return nobody(); }", "nobody()"),
]
WARNED = "struct Late { ~Late() {} int at = 0; };\nint late() { static thread_local Late one; return one.at++; }"


class Failure(Exception):
    pass


class Outside:
    def __init__(self, folder, build):
        self.folder = folder
        self.build = build
        self.prefix = folder / "prefix"
        self.work = folder / "work"
        self.tool = self.prefix / "bin" / "nuncio-plugin"
        # A user's environment: nothing in it knows of the project.
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8",
                            "PKG_CONFIG_PATH": ""}
        for name in ("CCACHE_DIR", "CMAKE_CXX_COMPILER_LAUNCHER", "CMAKE_BUILD_PARALLEL_LEVEL"):
            if name in os.environ:
                self.environment[name] = os.environ[name]

    def run(self, *command, cwd=None, fails=False, silent=False):
        """Its output; `silent`: no compiler warning may be in it."""
        done = subprocess.run([str(word) for word in command], cwd=cwd or self.work, env=self.environment,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=280,
                              check=False)
        if fails != (done.returncode != 0):
            raise Failure(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-3000:]}")
        if silent and "warning:" in done.stdout:
            raise Failure(f"{' '.join(map(str, command))} warns:\n{done.stdout[-3000:]}")
        return done.stdout

    def build_and_test(self, folder):
        self.run("cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja",
                 f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_BUILD_TYPE=Release")
        self.run("cmake", "--build", folder / "build", silent=True)
        said = self.run("ctest", "--test-dir", folder / "build", "--output-on-failure")
        expect(said, "100% tests passed")

    # -- the cases, in order ----------------------------------------------------------------------

    def case_the_sdk_alone_is_installed_by_its_component(self):
        alone = self.folder / "alone"
        self.run("cmake", "--install", self.build, "--component", "sdk", "--prefix", alone, cwd="/")
        for name in ("include/nuncio/plugin.h", "include/nuncio/testkit.h", "bin/nuncio-plugin",
                     "share/man/man1/nuncio-plugin.1"):
            if not (alone / name).exists():
                raise Failure(f"{name} is missing")
        if (alone / "sbin").exists():
            raise Failure("the server came along")
        shutil.rmtree(alone)

    def case_nothing_that_is_installed_knows_the_source_tree(self):
        self.environment["DESTDIR"] = str(self.folder / "stage")
        self.run("cmake", "--install", self.build, "--prefix", "/opt/nuncio", cwd="/")
        del self.environment["DESTDIR"]
        # Moved after the installation: the package does not mind where it is.
        shutil.move(self.folder / "stage" / "opt" / "nuncio", self.prefix)
        found = self.run("grep", "-rl", "--include=*.cmake", "--include=*.pc", "--include=*.h", ROOT, self.prefix,
                         fails=True)
        if found:
            raise Failure(f"the source tree is named in {found}")

    def case_pkg_config_tells_folders_and_the_abi(self):
        pc = next(self.prefix.rglob("nuncio.pc"))
        self.environment["PKG_CONFIG_PATH"] = str(pc.parent)
        plugins = pathlib.Path(self.run("pkg-config", "--variable=plugindir", "nuncio").strip())
        if not (plugins / "echo.so").exists():
            raise Failure(f"plugindir is {plugins}, where echo.so is not")
        for name in ("confdir", "luadir", "abi"):
            expect(self.run("pkg-config", f"--variable={name}", "nuncio"), r"\S")
        self.flags = self.run("pkg-config", "--cflags", "--libs", "nuncio").split()
        self.plugin_flags = [self.run("pkg-config", f"--variable={name}", "nuncio").split()
                             for name in ("plugin_cflags", "plugin_ldflags")]

    def case_the_guides_examples_are_built_tested_and_tortured(self):
        folder = self.work / "guide"
        folder.mkdir()
        lines = ["cmake_minimum_required(VERSION 3.25)", "project(guide LANGUAGES CXX)", "include(CTest)",
                 "find_package(nuncio CONFIG REQUIRED)", "add_compile_options(-Wall -Wextra -Wpedantic)"]
        listings = LISTING.findall((ROOT / "docs" / "developers-guide.md").read_text())
        if len(listings) < 2:
            raise Failure("the guide shows fewer than two files")
        for path, text in listings:
            source = pathlib.Path(path)
            (folder / source.name).write_text(text)
            if source.stem.endswith("_test"):
                continue
            test = ROOT / source.with_name(f"{source.stem}_test.cc")
            shutil.copy(test, folder)
            lines += [f"nuncio_add_plugin({source.stem} SOURCES {source.name})",
                      f"nuncio_add_plugin_test({source.stem}-test SOURCES {test.name} PLUGINS {source.stem})"]
        (folder / "CMakeLists.txt").write_text("\n".join(lines) + "\n")
        self.build_and_test(folder)

    def case_a_scaffold_compiles_without_warnings_and_passes_its_test(self):
        self.run(self.tool, "new", "day-greeter")
        self.build_and_test(self.work / "day-greeter")
        self.run(self.tool, "new", "day-greeter", fails=True)  # it is there already
        expect(self.run(self.tool, "new", "Day_Greeter", fails=True), "lower-case letters")

    def case_one_file_is_built_without_a_build_system(self):
        (self.work / "small.cc").write_text(PLUGIN)
        said = self.run(self.tool, "build", "small.cc", silent=True)
        expect(said, "small 1.0, nuncio-abi-1, good")
        expect(said, r"next: nuncio-plugin check --torture 200 small\.so")
        expect(said, rf"cp small\.so {self.prefix}/lib/.*nuncio/plugins && nuncioctl plugin load small")
        expect(self.run(self.tool, "check", "--torture", "6", "small.so"), "nothing lost")
        (self.work / "wrong.cc").write_text("#include <nuncio/plugin.h>\nint broken(\n")
        said = self.run(self.tool, "build", "wrong.cc", fails=True)
        expect(said, r"the compiler said no(.|\n)*next: correct that, or see the command with --verbose")
        if (self.work / "wrong.so").exists() or (self.work / "wrong.so.new").exists():
            raise Failure("something was left of a build that failed")

    def case_the_tool_explains_and_completes_itself(self):
        for command in ((), ("new",), ("build",), ("check",)):
            expect(self.run(self.tool, *command, "--help"), "Usage:")
        for shell in ("bash", "zsh", "fish"):
            script = self.run(self.tool, "completion", shell)
            for option in ("torture", "plugins", "options", "output", "sdk", "verbose"):
                expect(script, option)
            if shell == "bash":
                (self.work / "completion.bash").write_text(script)
                said = self.run("bash", "-c", "source ./completion.bash; COMP_WORDS=(nuncio-plugin ch); COMP_CWORD=1;"
                                " _nuncio_plugin; echo ${COMPREPLY[0]}")
                expect(said, "^check$")

    def case_each_broken_rule_is_refused_with_its_remedy(self):
        folder = self.work / "bad"
        folder.mkdir()
        compile_flags, link_flags = self.plugin_flags
        self.run("c++", *compile_flags, *self.flags, "-c", "small.cc", "-o", folder / "small.o")
        for flags, source, refusal in BAD + [([], WARNED, "thread_local")]:
            (folder / "more.cc").write_text(source + "\n")
            self.run("c++", *compile_flags, *[f for f in flags if f.startswith("-f")], "-c", "more.cc", "-o",
                     "more.o", cwd=folder)
            self.run("c++", *link_flags, *[f for f in flags if f.startswith("-W")], "small.o", "more.o", "-o",
                     "small.so", *self.flags, cwd=folder)
            said = self.run(self.tool, "check", "small.so", cwd=folder, fails=refusal != "thread_local")
            expect(said, re.escape(refusal))
            expect(said, "next: ")
        shutil.copy(self.work / "small.so", folder / "other.so")
        expect(self.run(self.tool, "check", "other.so", cwd=folder, fails=True), r"looks for in small\.so")
        image = (self.work / "small.so").read_bytes()
        (folder / "small.so").write_bytes(image.replace(b"abi=1\n", b"abi=7\n"))
        expect(self.run(self.tool, "check", "small.so", cwd=folder, fails=True), "nuncio-abi-7")
        (folder / "small.so").write_bytes(image[:2000])
        expect(self.run(self.tool, "check", "small.so", cwd=folder, fails=True), "still being copied")
        (folder / "small.so").write_text("not a plugin\n" * 10)
        expect(self.run(self.tool, "check", "small.so", cwd=folder, fails=True), "not an ELF file")

    def case_a_running_server_takes_what_is_dropped_in(self):
        folder = self.folder / "server"
        (folder / "plugins").mkdir(parents=True)
        server = DropIn(folder, self.prefix)
        server.start()
        try:
            self.use(server, folder / "plugins")
        finally:
            ended = server.stop()
        if ended:
            raise Failure(ended)
        if server.complaints():
            raise Failure("the server's log:\n" + "\n".join(server.complaints()))

    def use(self, server, plugins):
        def ctl(*words):
            return self.run(self.prefix / "bin" / "nuncioctl", "--socket",
                            server.directory / "run" / "nuncioctl.sock", *words)

        ctl("register", "romeo@localhost", "secret")
        environment = Environment({**server.facts(), "tools": {}})
        with Wire(environment) as romeo:
            romeo.login(Account("romeo", "localhost", "secret"))
            ask = "<iq type='get' id='{0}' to='localhost'><query xmlns='{1}'/></iq>"
            romeo.send(ask.format("early", "ejabberd:cputime"))
            expect(text_of(romeo.next()), "type='error'|type=\"error\"")
            for source in (self.work / "guide" / "build" / "plugins" / "echo.so",
                           self.work / "guide" / "build" / "plugins" / "cputime.so",
                           self.work / "day-greeter" / "build" / "plugins" / "day-greeter.so"):
                shutil.copy(source, plugins)
                ctl("plugin", "load", source.stem)
            listed = ctl("plugin", "list")
            for name in ("echo", "cputime", "day-greeter"):
                expect(listed, name)
            for turn in ("first", "again"):
                romeo.send(f"<message to='echo.localhost' type='chat'><body>{turn}</body></message>")
                expect(text_of(romeo.next()), turn)
                romeo.send(ask.format(f"c-{turn}", "ejabberd:cputime"))
                expect(text_of(romeo.next()), r"cputime>[0-9.]+<")
                romeo.send(ask.format(f"g-{turn}", "urn:example:day-greeter"))
                expect(text_of(romeo.next()), "hello")
                for name in ("echo", "cputime", "day-greeter"):
                    ctl("plugin", "reload", name)


class DropIn(Nuncio):
    """The installed server, with a folder for plugins of one's own, in which there is nothing yet."""

    plugins = ("storage-memory",)

    def __init__(self, directory, prefix):
        limits = {"offline_messages": 10, "negotiation_seconds": 60, "stanza_bytes": 262144,
                  "unauthenticated_stanza_bytes": 65536, "depth": 64, "connections_per_address": 10}
        super().__init__(directory, limits, FIRST_PORT, prefix)

    def host_settings(self):
        return {}

    def configure(self):
        super().configure()
        installed = next(self.build.rglob("storage-sqlite.so")).parent
        # Those that are tried here must come from the folder.
        (self.directory / "base").mkdir()
        (self.directory / "auth-backends").mkdir()
        shutil.copy(installed / "storage-memory.so", self.directory / "base")
        shutil.copy(installed.parent / "auth-backends" / "internal.so", self.directory / "auth-backends")
        file = self.directory / "conf.d" / "interop.toml"
        file.write_text(file.read_text().replace(
            f'"{self.build}/plugins"', f'"{self.directory}/plugins", "{self.directory}/base"')
            + "\n[plugins.internal]\niterations = 4096\n")

    def command(self):
        return [str(self.build / "sbin" / "nunciod"), "--config", str(self.directory / "conf.d")]


def text_of(element):
    return ET.tostring(element, encoding="unicode")


def expect(said, pattern):
    if not re.search(pattern, said):
        raise Failure(f"expected {pattern!r} in:\n{said[-3000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path, help="a finished build of nuncio")
    arguments = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="nuncio-sdk-") as folder:
        outside = Outside(pathlib.Path(folder), arguments.build.resolve())
        outside.work.mkdir()
        for name in [n for n in vars(Outside) if n.startswith("case_")]:
            title = name[5:].replace("_", " ")
            try:
                getattr(outside, name)()
                passed += 1
                print(f"ok {title}", flush=True)
            except Exception as wrong:  # pylint: disable=broad-except # whatever it is, it is counted
                failed += 1
                print(f"not ok {title}: {type(wrong).__name__}: {wrong}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
