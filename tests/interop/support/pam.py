# PAM without the machine's own: stacks in a folder, read by a helper that pam_wrapper deceives.
import shutil
import tempfile
import time
from pathlib import Path

from support.cases import Skipped

MODULES = next(iter(Path("/usr/lib").glob("*/pam_wrapper")), None)


class PamStack:
    """Services in a folder, and a helper that finds them there. `passwords`: lines USER:PASSWORD:SERVICE."""

    def __init__(self, directory, tools, passwords):
        if MODULES is None:
            raise Skipped("pam_wrapper is not installed (package libpam-wrapper)")
        self.program = Path(tools) / "bin" / "nuncio-pam"
        self.folder = Path(tempfile.mkdtemp(dir=directory))
        self.passwords = self.folder / "passwords"
        self.passwords.write_text(passwords)
        self.services = self.folder / "services"
        self.services.mkdir()
        self.matrix = f"{MODULES}/pam_matrix.so passdb={self.passwords}"
        self.service("nuncio", f"auth required {self.matrix}", f"account required {self.matrix}")
        self.service("other", "auth required pam_deny.so", "account required pam_deny.so")
        self.helper = self.folder / "helper"
        self.helper.write_text(f"""#!/bin/sh
LD_PRELOAD=libpam_wrapper.so PAM_WRAPPER=1 PAM_WRAPPER_SERVICE_DIR={self.services}
ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0
export LD_PRELOAD PAM_WRAPPER PAM_WRAPPER_SERVICE_DIR ASAN_OPTIONS
exec {self.program} "$@"
""")
        self.helper.chmod(0o755)

    def service(self, name, *lines):
        (self.services / name).write_text("".join(f"{line}\n" for line in lines))


def is_left_behind(folder):
    """pam_wrapper has 62 of these folders for all processes, and forgets one when a signal ends its process."""
    try:
        return not Path(f"/proc/{(folder / 'pid').read_text().strip()}").exists()
    except OSError:
        return time.time() - folder.stat().st_mtime > 60


def sweep():
    for folder in Path("/tmp").glob("pam.?"):
        if is_left_behind(folder):
            shutil.rmtree(folder, ignore_errors=True)
