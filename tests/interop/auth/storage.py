# Backends that lean on the host's storage, while that breaks, fills up, stalls and is replaced in a storm of logins.
import tempfile
from pathlib import Path

from servers import make_authority
from support.backend_server import BackendServer
from support.cases import case, check, equal, run
from support.certificates import Certificate, context_with
from support.environment import Environment
from support.storm import LATER, SUCCESS, Storm
from support.wire import SASL, TLS, Wire, plain

INSIDE, GUESTS, CERTIFIED, OTHER = "internal.test", "anonymous.test", "certificate.test", "other.test"
# By host, what its backend asks the storage for at a login.
STORES = {INSIDE: "internal.accounts", GUESTS: "anonymous", CERTIFIED: "certificate"}
HURT = tuple(STORES)
MANY_GUESTS = {"max_users": 100_000, "max_users_per_address": 100_000}
STALL = "1s"  # of each question


class Server(BackendServer):
    """The storage of all hosts but one can be given troubles."""

    def __init__(self, directory, build):
        self.troubles = ()
        Path(directory).mkdir()
        self.authority = make_authority(Path(directory))
        super().__init__(directory, build,
                         {INSIDE: {"internal": {"cache": 0}}, GUESTS: {"anonymous": MANY_GUESTS},
                          CERTIFIED: {"certificate": {"create": True}}, OTHER: {"internal": {"cache": 0}}},
                         settings={CERTIFIED: {"client_ca": self.authority}}, storage="storage-memory")

    def configure(self):
        super().configure()
        # A storage that stalls needs its time to hand over.
        lines = ["[limits]", 'handover_time = "10s"']
        for host, store in STORES.items():
            lines += [f'[hosts."{host}".plugins.storage-memory]', f'delay = "{STALL}"',
                      *(f'{trouble} = ["{store}"]' for trouble in self.troubles)]
        (self.directory / "conf.d" / "troubles.toml").write_text("\n".join(lines) + "\n")

    def give(self, *troubles):
        self.troubles = troubles
        self.configure()
        code, said = self.ctl("reload")
        equal(code, 0, said)
        # Had the storage not handed over, it would go on as it was.
        check("notes" not in said, said)


def outcome(wire, answer):
    if answer.tag != SASL + "success":
        return answer[0].tag.removeprefix(SASL)
    wire.open()
    wire.bind()
    return SUCCESS


def with_password(environment, account, password, mechanism):
    def attempt():
        with Wire(environment, account.host, patience=15) as wire:
            wire.start_tls()
            return outcome(wire, wire.auth("PLAIN", plain(account.user, password)) if mechanism == "PLAIN"
                           else wire.scram(mechanism, account.user, password))

    return account.host, password != account.password, attempt


def without_name(environment):
    def attempt():
        with Wire(environment, GUESTS, patience=15) as wire:
            wire.start_tls()
            return outcome(wire, wire.auth("ANONYMOUS", "="))

    return GUESTS, False, attempt


def with_certificate(environment, certificate):
    context = context_with(environment, certificate, CERTIFIED)

    def attempt():
        with Wire(environment, CERTIFIED, patience=15) as wire:
            wire.open()
            wire.send(f"<starttls xmlns='{TLS[1:-1]}'/>")
            wire.next()
            wire.wrap(context)
            wire.open()
            return outcome(wire, wire.auth("EXTERNAL", "="))

    return CERTIFIED, False, attempt


@case("storage that breaks, fills up, stalls and is replaced in a storm of logins: no wrong answer, no stuck login")
def _(environment):
    with tempfile.TemporaryDirectory(prefix="nuncio-storage-") as folder:
        server = Server(Path(folder) / "server", Path(environment.tools))
        server.start()
        try:
            storm_of_logins(server)
        finally:
            trouble = server.stop()
        equal(trouble, None, "the end")
        equal(server.complaints(), [], "complaints")


def storm_of_logins(server):
    here = Environment(server.facts())
    inside, other = here.account("ana", INSIDE), here.account("ana", OTHER)
    jobs = [with_password(here, inside, password, mechanism) for password in (inside.password, "wrong")
            for mechanism in ("PLAIN", "SCRAM-SHA-256")]
    jobs += [with_password(here, other, other.password, "SCRAM-SHA-256"), without_name(here), without_name(here)]
    jobs += [with_certificate(here, Certificate(server, user, [f"{user}@{CERTIFIED}"])) for user in ("ana", "bob")]

    def others_notice_nothing(storm, what):
        storm.forget_times()
        storm.wait_for((OTHER,), SUCCESS, 10)
        print(f"note {what}: the slowest login where the storage is well took {storm.slowest[OTHER]:.2f} s", flush=True)
        check(storm.slowest[OTHER] < 2, f"a login elsewhere took {storm.slowest[OTHER]:.1f} s")

    with Storm(jobs) as storm:
        storm.wait_for((*HURT, OTHER), SUCCESS)
        server.give("broken_stores", "full_stores")
        storm.wait_for(HURT, LATER)
        others_notice_nothing(storm, "broken")
        server.give()
        storm.wait_for(HURT, SUCCESS, 10)
        storm.forget_times()
        server.give("slow_stores")
        storm.wait_for(HURT, SUCCESS, seconds=25)  # late, but right
        check(all(storm.slowest[host] >= 1 for host in HURT), f"who waited for the storage: {storm.slowest}")
        others_notice_nothing(storm, "stalled")
        server.give()
        storm.wait_for(HURT, SUCCESS, 10)
        for _ in range(3):
            code, said = server.ctl("plugin", "reload", "storage-memory")
            equal(code, 0, said)
            storm.wait_for(HURT, SUCCESS)
    storm.judge()


if __name__ == "__main__":
    run()
