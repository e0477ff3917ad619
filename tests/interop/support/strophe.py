# The programs made with libstrophe.
import shutil
import subprocess
from pathlib import Path

from support.cases import Skipped

SOURCES = Path(__file__).resolve().parent.parent


def built(environment, name):
    """The one CMake built, or one built here: the test does not depend on a nuncio build."""
    program = Path(environment.tools) / "bin" / name
    if program.exists():
        return str(program)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libstrophe"], capture_output=True,
                           text=True, check=False)
    if flags.returncode != 0 or shutil.which("cc") is None:
        raise Skipped("libstrophe is not installed (package libstrophe-dev)")
    program = Path(environment.directory) / name
    if not program.exists():
        subprocess.run(["cc", str(SOURCES / f"{name}.c"), "-o", str(program), *flags.stdout.split()], check=True)
    return str(program)
