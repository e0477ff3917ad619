#!/usr/bin/env python3
"""What storm.sh measured, by server: the chat without and with a storm of logins, and the storm."""

import json
import statistics
import sys


def main(path):
    runs = {}
    with open(path) as lines:
        for line in lines:
            result = json.loads(line)
            label, server = result["label"].split("/")
            runs.setdefault(server, {}).setdefault(label, []).append(result)
    for server, by_label in runs.items():
        quiet, stormy, storms = (by_label.get(label, []) for label in ("quiet", "stormy", "storm"))
        pairs = min(len(quiet), len(stormy))
        if not pairs:
            continue
        print(f"{server}: {stormy[0]['sessions']} users chat, {stormy[0]['rate']:g} messages/s; "
              f"{pairs} pairs of runs, medians (from - to)")
        for name in ("p50", "p99", "max"):
            without = [run["latency_us"][name] / 1000 for run in quiet[:pairs]]
            during = [run["latency_us"][name] / 1000 for run in stormy[:pairs]]
            ratios = [b / a for a, b in zip(without, during)]
            print(f"  {name:3}  {spread(without)} ms without, {spread(during)} ms with the storm: "
                  f"{statistics.median(ratios):.2f} x")
        print(f"  storm: {storms[0]['units']} logins by {storms[0]['mechanism']}, {spread_of(storms, 'per_second', 1)}/s, "
              f"server CPU {spread_of(storms, 'server_cpu_us', 0.001)} ms each (the chat included); "
              f"login p50 {spread([r['latency_us']['p50'] / 1000 for r in storms])} ms, "
              f"p99 {spread([r['latency_us']['p99'] / 1000 for r in storms])} ms")
        cores = [run["other_cores"] for run in quiet]
        print(f"  other processes without the storm: {spread(cores)} cores; yardstick "
              f"{spread([run['yardstick_us'] for run in quiet + stormy])} us")


def spread_of(runs, name, scale):
    return spread([run[name] * scale for run in runs])


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} - {max(values):.2f})"


if __name__ == "__main__":
    main(sys.argv[1])
