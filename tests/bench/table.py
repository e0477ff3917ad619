#!/usr/bin/env python3
"""Reads the results of nuncio-load runs and prints one table with nuncio's ratios and goals."""

import argparse
import json
import statistics
import sys

SERVERS = ["nuncio", "ejabberd", "prosody", "floor"]


def read(path):
    """{row: {server: [result, …]}}"""
    runs = {}
    with open(path) as lines:
        for line in lines:
            result = json.loads(line)
            row, server = result["label"].split("/")
            runs.setdefault(row, {}).setdefault(server, []).append(result)
    return runs


def pick(result, path):
    for key in path.split("."):
        if not isinstance(result, dict) or key not in result:
            return None
        result = result[key]
    return result


def values(runs, row, server, path):
    found = [pick(result, path) for result in runs.get(row, {}).get(server, [])]
    return [value for value in found if value is not None]


class Figures:
    """Medians, by row, server and what was measured."""

    def __init__(self, runs):
        self.runs = runs

    def get(self, row, server, path):
        """Of a row "A / B" it is what A is to B."""
        row, _, base = row.partition(" / ")
        found = values(self.runs, row, server, path)
        if not found or not base:
            return statistics.median(found) if found else None
        divisor = self.get(base, server, path)
        return statistics.median(found) / divisor if divisor else None

    def spread(self, row, server, path):
        found = values(self.runs, row, server, path)
        return (min(found), max(found), len(found)) if found else None


def lines(many):
    """(title, row, what, scale, decimals, goal); a goal gives (limit, words), or None."""
    cpu = "server_cpu_us"

    def at_most_relay(row):
        def goal(figures):
            relay = figures.get(row, "floor", cpu)
            ejabberd = figures.get(row, "ejabberd", cpu)
            limits = [(1.6 * relay, "1.6 x relay")] if relay else []
            limits += [(ejabberd / 8, "1/8 ejabberd")] if ejabberd else []
            return min(limits) if limits else None
        return goal

    def at_most_times(factor, row, words):
        def goal(figures):
            base = figures.get(row, "nuncio", cpu)
            return (factor * base, words) if base else None
        return goal

    def fixed(limit):
        return lambda figures: (limit, "")

    def handshake_and(extra):
        def goal(figures):
            floor = figures.get("login", "floor", cpu)
            return (floor / 1000 + extra, "handshake + 0.2") if floor else None
        return goal

    def quarter_and_handshake(figures):
        floor = figures.get("login", "floor", cpu)
        others = [(cost, server) for server in ("ejabberd", "prosody") if (cost := figures.get("login", server, cpu))]
        if not floor or not others:
            return None
        cost, better = min(others)
        return (cost / 4 + floor) / 1000, f"1/4 {better} + handshake, {floor / 1000:.2f}"

    return [
        ("CPU per chat message, 200 users, plain, us", "chat-plain", cpu, 1, 1, at_most_relay("chat-plain")),
        ("  TLS, us", "chat-tls", cpu, 1, 1, at_most_relay("chat-tls")),
        (f"CPU per chat message, {many} users, plain, us", "many-plain", cpu, 1, 1,
         at_most_times(1.2, "chat-plain", "1.2 x 200 users")),
        ("  what it is to 200 users", "many-plain / chat-plain", cpu, 1, 2, None),
        ("  TLS, us", "many-tls", cpu, 1, 1, at_most_times(1.2, "chat-tls", "1.2 x 200 users")),
        ("  what it is to 200 users", "many-tls / chat-tls", cpu, 1, 2, None),
        ("most delivered/s, 200 users, TLS, window 1", "chat-tls", "per_second", 1, 0, fixed(-60000)),
        ("  window 8", "window-tls", "per_second", 1, 0, None),
        ("CPU per chat message, window 8, TLS, us", "window-tls", cpu, 1, 1, None),
        ("p99 at 500 messages/s, TLS, ms", "latency-tls", "latency_us.p99", 0.001, 2, fixed(1.5)),
        ("  p50, ms", "latency-tls", "latency_us.p50", 0.001, 2, None),
        ("  CPU per message at that rate, us", "latency-tls", cpu, 1, 0, None),
        ("CPU per ping, plain, us", "ping-plain", cpu, 1, 1, at_most_times(1, "chat-plain", "a message")),
        ("  TLS, us", "ping-tls", cpu, 1, 1, at_most_times(1, "chat-tls", "a message")),
        ("CPU per presence delivered, 20 subscribers, us", "presence", cpu, 1, 1, fixed(5)),
        ("CPU per login, TLS 1.3 + SCRAM-SHA-1, ms", "login", cpu, 0.001, 2, handshake_and(0.2)),
        ("  the same beside the better of the others, ms", "login", cpu, 0.001, 2, quarter_and_handshake),
        ("  logins/s", "login", "per_second", 1, 0, None),
        ("RSS per idle session, plain, kB", "idle-plain", "rss_kb_per_session", 1, 1, fixed(3)),
        ("  TLS, kB", "idle-tls", "rss_kb_per_session", 1, 1, fixed(18)),
        ("start to accepting, ms", "startup", "startup_ms", 1, 0, fixed(100)),
        ("RSS, empty server, MB", "startup", "rss_kb", 1 / 1024, 1, fixed(20)),
        ("  PSS, MB", "startup", "pss_kb", 1 / 1024, 1, None),
    ]


def shown(value, decimals):
    return "-" if value is None else f"{value:,.{decimals}f}"


def ratio(ours, theirs):
    return f"x{ours / theirs:.2f}" if ours is not None and theirs and theirs > 0 else "-"


def verdict(ours, goal):
    """A negative limit is one to exceed."""
    if goal is None:
        return "", ""
    limit, words = goal
    text = (f">= {-limit:,.0f}" if limit < 0 else f"<= {limit:,.3g}") + (f" ({words})" if words else "")
    if ours is None:
        return text, ""
    return text, "ok" if (ours >= -limit if limit < 0 else ours <= limit) else "MISSED"


def print_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) if i == 0 or i >= len(row) - 2 else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join(cells).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results")
    parser.add_argument("--json")
    parser.add_argument("--many", type=int, default=2000)
    arguments = parser.parse_args()

    runs = read(arguments.results)
    figures = Figures(runs)
    table = [["", *SERVERS, "/ejabberd", "/prosody", "/floor", "to reach", ""]]
    summary = []
    for title, row, what, scale, decimals, goal in lines(arguments.many):
        if row.partition(" / ")[0] not in runs:
            continue
        medians = {server: figures.get(row, server, what) for server in SERVERS}
        scaled = {s: None if m is None else m * scale for s, m in medians.items()}
        ours = scaled["nuncio"]
        text, mark = verdict(ours, goal(figures) if goal else None)
        table.append([title, *(shown(scaled[s], decimals) for s in SERVERS),
                      *(ratio(ours, scaled[s]) for s in SERVERS[1:]), text, mark])
        summary.append({"title": title.strip(), "row": row, "what": what, "medians": scaled,
                        "spread": {s: figures.spread(row, s, what) for s in SERVERS},
                        "goal": text, "verdict": mark})
    print_table(table)

    everything = [result for servers in runs.values() for results in servers.values() for result in results]
    bad = [result["label"] for result in everything if not result.get("ok", True)]
    yardsticks = [result["yardstick_us"] for result in everything if result.get("yardstick_us")]
    others = [result["other_cores"] for result in everything if "other_cores" in result]
    if yardsticks:
        print(f"\nyardstick {min(yardsticks):.0f}-{max(yardsticks):.0f} us; "
              f"other processes used up to {max(others):.2f} cores (median {statistics.median(others):.2f})")
    print(f"{len(everything)} runs, {len(bad)} with faults{': ' + ', '.join(bad) if bad else ''}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"rows": summary, "runs": runs}, file, indent=1)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
