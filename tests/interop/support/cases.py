# A test file is a list of cases; run() prints `plan`, then one verdict per case, for the runner.
import asyncio
import contextlib
import inspect
import os
import sys
import traceback

from support.environment import Environment

CASE_DEADLINE = float(os.environ.get("NUNCIO_INTEROP_CASE_DEADLINE", "30"))
_cases = []


class Failure(AssertionError):
    pass


class Skipped(Exception):
    """The machine lacks what the case needs."""


def case(name, differs=None):
    """`differs` maps a reference server to the way it departs from the RFC: there the case must
    fail, so that a note which is no longer true is noticed."""

    def keep(function):
        _cases.append((name, function, differs or {}))
        return function

    return keep


def check(condition, why):
    if not condition:
        raise Failure(why)


def equal(found, wanted, what):
    check(found == wanted, f"{what}: found {found!r}, wanted {wanted!r}")


@contextlib.contextmanager
def about(subject):
    """Names the one of several inputs that a failure is about."""
    try:
        yield
    except Failure as failure:
        failure.args = (f"{subject}: {failure}",)
        raise


async def _call(function, environment):
    async with contextlib.AsyncExitStack() as stack:
        work = function(environment, stack) if "stack" in inspect.signature(function).parameters \
            else function(environment)
        if inspect.isawaitable(work):
            await asyncio.wait_for(work, CASE_DEADLINE)


def _why(error):
    text = str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == sys.argv[0]]
    place = f" (line {frames[-1].lineno})" if frames else ""
    return " ".join(text.split())[:400] + place


async def _run(environment, chosen):
    for name, function, differs in chosen:
        note = differs.get(environment.server)
        try:
            await _call(function, environment)
        except Skipped as lacking:
            print(f"skip {name}: {lacking}", flush=True)
        except (Exception, asyncio.CancelledError) as error:
            if os.environ.get("NUNCIO_INTEROP_TRACE"):
                traceback.print_exc()
            print(f"differs {name}: {note}" if note else f"not ok {name}: {_why(error)}", flush=True)
        else:
            print(f"not ok {name}: noted as differing, but it passes" if note else f"ok {name}",
                  flush=True)


def run():
    """`file.py [TEXT...]` runs the cases whose name contains one of the texts."""
    wanted = sys.argv[1:]
    chosen = [c for c in _cases if not wanted or any(text in c[0] for text in wanted)]
    print("plan " + "\t".join(name for name, _, _ in chosen), flush=True)
    asyncio.run(_run(Environment.load(), chosen))
    print("done", flush=True)


def is_instrumented(pid):
    """True under a sanitizer, whose bookkeeping says nothing about the server's own memory."""
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as file:
        maps = file.read()
    return "libasan" in maps or "libtsan" in maps
