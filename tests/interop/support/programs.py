# Other people's programs: as a child process whose lines can be awaited, or on a terminal (tmux)
# whose screen can be read.
import asyncio
import os
import shutil
import subprocess

from support.cases import Failure, Skipped

PATIENCE = 15.0


def needed(program, package=None):
    found = shutil.which(program)
    if found is None:
        raise Skipped(f"{program} is not installed (package {package or program})")
    return found


class Program:
    """`async with Program([...]) as p`: its standard output line by line; ended by its own pid."""

    def __init__(self, command, environment=None):
        self._command = command
        self._environment = {**os.environ, **(environment or {})}
        self.lines = []

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, env=self._environment)
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def line(self, text):
        """The next line that contains this text."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    raw = await self.process.stdout.readline()
                    if not raw:
                        raise Failure(f"{self._command[0]} ended without {text!r}: {self.lines[-5:]}")
                    self.lines.append(raw.decode(errors="replace").rstrip())
                    if text in self.lines[-1]:
                        return self.lines[-1]
        except TimeoutError:
            raise Failure(f"{self._command[0]} never said {text!r}: {self.lines[-5:]}") from None

    async def end(self):
        async with asyncio.timeout(PATIENCE):
            self.lines += (await self.process.stdout.read()).decode(errors="replace").splitlines()
            return await self.process.wait()


class Terminal:
    """A program in a tmux of its own: keys in, the screen's text out."""

    def __init__(self, directory, command, environment):
        self._tmux = [needed("tmux"), "-f", "/dev/null", "-S", f"{directory}/tmux.socket"]
        self._command = command
        self._environment = environment

    def _run(self, *arguments):
        return subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, timeout=10,
                              check=False)

    async def __aenter__(self):
        settings = [f"{key}={value}" for key, value in self._environment.items()]
        started = self._run("new-session", "-d", "-x", "140", "-y", "40", "env", "TERM=screen",
                            "LC_ALL=C.UTF-8", *settings, *self._command)
        if started.returncode != 0:
            raise Failure(f"tmux: {started.stderr}")
        return self

    async def __aexit__(self, *_):
        self._run("kill-server")  # the one behind this socket, which is ours

    def screen(self):
        return self._run("capture-pane", "-p").stdout

    async def type(self, text):
        self._run("send-keys", "-l", text)
        self._run("send-keys", "Enter")

    async def see(self, *texts):
        """Waits until one of the texts is on the screen."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    shown = self.screen()
                    for text in texts:
                        if text in shown:
                            return text
                    # A terminal tells nobody that it has changed.
                    await asyncio.sleep(0.05)
        except TimeoutError:
            shown = " / ".join(line.strip() for line in self.screen().splitlines() if line.strip())
            raise Failure(f"{self._command[0]} never showed {' or '.join(texts)}: ...{shown[-280:]}") from None
