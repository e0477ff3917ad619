# XEP-0050 and XEP-0133 with a client that was written by others: an administrator's commands over the
# network, what they do to those they are about, and what everybody else sees of them: nothing.
import contextlib

from support.cases import case, check, equal, run
from support.client import IqError, LoginFailed, People, condition_of
from support.environment import Account
from support.own_server import OwnServer

HOST, OTHER = "admin.test", "other.test"
ADMIN = "http://jabber.org/protocol/admin#"
PLUGINS = ["xep_0004", "xep_0030", "xep_0050"]
PASSWORD = "long-enough"


class Server(OwnServer):
    plugins = (*OwnServer.plugins, "adhoc")

    def configure(self):
        super().configure()
        file = self.directory / "conf.d" / "interop.toml"
        text = file.read_text()
        assert "[server]\n" in text
        file.write_text(text.replace("[server]\n", f'[server]\nadmins = ["root@{HOST}"]\n'))


@contextlib.asynccontextmanager
async def serving(environment, *users):
    hosts = {HOST: f'admins = ["ana@{HOST}"]', OTHER: ""}
    async with Server(environment, hosts) as server:
        for user in users:
            code, text = server.ctl("register", f"{user}@{HOST}", PASSWORD)
            equal(code, 0, text)
        yield server


async def join(server, stack, user, host=HOST, password=PASSWORD):
    people = People(server.environment, stack)
    return await people.join(Account(user, host, password), "desk", plugins=PLUGINS)


async def execute(client, node, host=HOST, action="complete", **fields):
    """Begins a command and, when it has questions, answers them."""
    commands = client["xep_0050"]
    first = (await commands.send_command(host, node, timeout=8))["command"]
    if first["status"] == "completed":
        return first
    equal(first["status"], "executing", "the first answer")
    form = client["xep_0004"].make_form("submit")
    for name, value in fields.items():
        form.add_field(var=name.replace("_", "-"), value=value)
    answer = await commands.send_command(host, node, action=action, payload=form,
                                         sessionid=first["sessionid"], timeout=8)
    return answer["command"]


def notes(command):
    return [(note.get("type"), note.text) for note in command.xml.findall("{http://jabber.org/protocol/commands}note")]


def values(command, var):
    found = command.xml.iterfind(f".//{{jabber:x:data}}field[@var='{var}']/{{jabber:x:data}}value")
    return [value.text for value in found]


async def nodes(client, host=HOST):
    items = await client["xep_0050"].get_commands(host, timeout=8)
    return {node for _, node, _ in items["disco_items"]["items"]}


@case("an administrator of a host finds its commands, one of the server all, and others none")
async def _(environment, stack):
    async with serving(environment, "ana", "root", "eve") as server:
        ana, root, eve = [await join(server, stack, user) for user in ("ana", "root", "eve")]
        of_ana, of_root = await nodes(ana), await nodes(root)
        check({ADMIN + "add-user", ADMIN + "end-user-session", "nuncio#register"} <= of_ana, str(of_ana))
        check("nuncio#stop" not in of_ana and of_ana < of_root, str(of_ana))
        check({"nuncio#stop", "nuncio#plugin-reload", "nuncio#reload"} <= of_root, str(of_root))
        check(not {"nuncio#trace", "nuncio#import", "nuncio#export"} & of_root, str(of_root))
        equal(await nodes(eve), set(), "what a stranger sees")
        for node in (ADMIN + "add-user", "nuncio#stop", "nowhere"):
            try:
                await execute(eve, node)
            except IqError as error:
                equal(condition_of(error), "forbidden", node)
            else:
                check(False, f"a stranger executes {node}")


@case("an account's life by XEP-0133: made, counted, disabled, enabled, a new password, removed")
async def _(environment, stack):
    async with serving(environment, "ana") as server:
        ana = await join(server, stack, "ana")
        romeo = f"romeo@{HOST}"
        done = await execute(ana, ADMIN + "add-user", accountjid=romeo, password=PASSWORD, password_verify=PASSWORD)
        equal((done["status"], notes(done)), ("completed", [("info", f"registered {romeo}")]), "making")
        client = await join(server, stack, "romeo")
        equal(values(await execute(ana, ADMIN + "get-registered-users-num"), "registeredusersnum"), ["2"], "registered")
        equal(values(await execute(ana, ADMIN + "get-online-users-num"), "onlineusersnum"), ["2"], "online")
        equal(values(await execute(ana, ADMIN + "get-online-users-list"), "onlineuserjids"), [f"ana@{HOST}", romeo],
              "who is online")
        stats = await execute(ana, ADMIN + "get-user-stats", accountjid=romeo)
        equal((values(stats, "ipaddresses"), values(stats, "onlineresources")), (["127.0.0.1"], ["desk"]), "statistics")
        check(values(await execute(ana, ADMIN + "get-user-lastlogin", accountjids=[romeo]), "lastlogin")[0]
              .endswith("Z"), "the last login")
        gone = client.disconnected
        await execute(ana, ADMIN + "disable-user", accountjids=[romeo])
        await gone
        equal(values(await execute(ana, ADMIN + "get-disabled-users-list", max_items="none"), "disableduserjids"),
              [romeo], "disabled")
        try:
            await join(server, stack, "romeo")
        except LoginFailed as failure:
            check("account-disabled" in str(failure), str(failure))
        else:
            check(False, "a disabled account came in")
        await execute(ana, ADMIN + "reenable-user", accountjids=[romeo])
        done = await execute(ana, ADMIN + "change-user-password", accountjid=romeo, password="another-one")
        equal(notes(done), [("info", f"changed {romeo}")], "the new password")
        await join(server, stack, "romeo", password="another-one")
        done = await execute(ana, ADMIN + "delete-user", accountjids=[romeo, f"nobody@{HOST}"])
        equal([kind for kind, _ in notes(done)], ["info", "error"], "removing")
        audit = [line for line in server.log_text().splitlines() if " audit" in line and "ana@" in line]
        check(any("register" in line for line in audit), "no line in the audit log")
        check(PASSWORD not in server.log_text() and "another-one" not in server.log_text(), "a password in the log")


@case("the administrator of a host stays there, and does not become root")
async def _(environment, stack):
    async with serving(environment, "ana", "root") as server:
        equal(server.ctl("register", f"eve@{OTHER}", PASSWORD)[0], 0, "registering")
        ana = await join(server, stack, "ana")
        for account, host in ((f"eve@{OTHER}", HOST), (f"eve@{OTHER}", OTHER), (f"root@{HOST}", HOST)):
            done = await execute(ana, ADMIN + "change-user-password", host, accountjid=account, password="mine-now!")
            equal([kind for kind, _ in notes(done)], ["error"], account)
        await join(server, stack, "eve", OTHER)
        await join(server, stack, "root")


@case("root reloads a plugin from a client, and the configuration; the rights follow it at once")
async def _(environment, stack):
    async with serving(environment, "ana", "root") as server:
        root = await join(server, stack, "root")
        done = await execute(root, "nuncio#plugin-reload", plugin="roster")
        equal(done["status"], "completed", "reloading a plugin")
        check("error" not in [kind for kind, _ in notes(done)], str(notes(done)))
        ana = await join(server, stack, "ana")
        check(await nodes(ana), "she is an administrator")
        file = server.directory / "conf.d" / "interop.toml"
        file.write_text(file.read_text().replace(f'admins = ["ana@{HOST}"]', ""))
        done = await execute(root, "nuncio#reload")
        equal(done["status"], "completed", "reloading the configuration")
        equal(await nodes(ana), set(), "she is none any more")


run()
