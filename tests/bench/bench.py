# ruff: noqa: T201  (a program that prints)
"""Compare the proxy with programs that could replace it: ``python -m tests.bench.bench``.

Every scenario gives each peer the same work, in turn, and is written as a
Markdown table with a chart to a folder of its own.  README.md beside this
file says what each figure means.  To be started from the top of the tree.
"""

import argparse
import json
import os
import platform
import resource
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import doors, fleet, history, polling, storms, visits, worst
from tests.bench.attacks.table import attacks
from tests.bench.measure import Quiet
from tests.bench.peers import PEERS, Place
from tests.bench.rounds import Plan, Section

SCENARIOS: dict[str, Callable[[Plan], list[Section]]] = {
    "fanout": storms.fan_out,
    "latency": storms.latency,
    "saturation": storms.saturation,
    "crowd": storms.crowd,
    "servers": storms.servers,
    "actions": visits.actions,
    "flood": visits.flood,
    "lists": polling.lists,
    "history": history.history,
    "doors": doors.doors,
    "fleet": fleet.fleet,
    "idle": visits.idle,
    "logins": visits.logins,
    "reconnect": visits.reconnect,
    "slow": storms.slow_readers,
    "growth": storms.growth,
    "asterisk": visits.dashboards,
    "worst": worst.worst,
    "attacks": attacks,
}
_QUICK = ("fanout", "latency", "actions", "idle")
_QUICK_PEERS = ("ami-proxy", "broadcast-5ms", "broadcast-at-once", "haproxy")
_ROTATION = "rotation"


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure the proxy beside its alternatives.")
    parser.add_argument(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        help=f"of {', '.join((*SCENARIOS, _ROTATION))}; default: all",
    )
    parser.add_argument("--quick", action="store_true", help="a few scenarios, few peers, small: two minutes")
    parser.add_argument("--peers", help=f"of {','.join(PEERS)}; default: all")
    parser.add_argument("--rounds", type=int, help="of which each figure is the median (3)")
    parser.add_argument("--seconds", type=float, help="that a storm lasts (5)")
    parser.add_argument("--quiet", type=float, default=0.25, help="cores that others may use (0.25)")
    parser.add_argument("--patience", type=float, help="seconds to wait for that, in all (600)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where reports go (results)")
    options = parser.parse_args(arguments)
    quick = options.quick
    known = (*SCENARIOS, _ROTATION)
    options.scenarios = options.scenarios or [*(_QUICK if quick else known)]
    options.peers = options.peers.split(",") if options.peers else [*(_QUICK_PEERS if quick else PEERS)]
    for given, choices in ((options.scenarios, known), (options.peers, tuple(PEERS))):
        if unknown := set(given) - set(choices):
            parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(choices)}")
    options.rounds = options.rounds or (2 if quick else 3)
    options.seconds = options.seconds or (1.5 if quick else 5.0)
    options.patience = options.patience if options.patience is not None else (10.0 if quick else 600.0)
    return options


def about() -> str:
    """The machine, the versions and the time, for the report's head."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    return (
        f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {platform.python_version()}, "
        f"{ssl.OPENSSL_VERSION}, {time.strftime('%Y-%m-%d %H:%M')}"
    )


def report(head: Sequence[str], sections: Sequence[Section], remarks: Sequence[str]) -> str:
    """The whole as Markdown, charts beside it."""
    parts = ["# Benchmark\n", *(f"{line}\n" for line in head)]
    for section in sections:
        parts.append(f"## {section.title}\n\n{section.table}")
        if section.note:
            parts.append(f"{section.note}\n")
        if section.svg:
            parts.append(f"![{section.title}]({section.name}.svg)\n")
    if remarks:
        parts.append("## Remarks\n\n" + "".join(f"- {remark}\n" for remark in remarks))
    return "\n".join(parts)


def rotation() -> list[Section]:
    """The cost of a change of certificates for connected clients, by its own program."""
    if not Path("tests/bench/rotation.py").exists():
        return []
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.rotation"], check=False, capture_output=True, text=True
    )
    said = done.stdout if done.returncode == 0 else f"It failed: {done.stderr[-1000:]}"
    return [Section("rotation", "Rotation of certificates", f"{said.strip()}\n")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write; 1 if something could not be measured."""
    options = parsed(arguments)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = options.results / time.strftime("bench-%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    sections: list[Section] = []
    with tempfile.TemporaryDirectory(prefix="ami-proxy-bench-") as place:
        plan = Plan(
            Place(Path(place)),
            options.peers,
            options.rounds,
            options.seconds,
            Quiet(options.quiet, options.patience),
            small=options.quick,
        )
        head = [
            about(),
            f"`python -m tests.bench.bench {' '.join(sys.argv[1:] if arguments is None else arguments)}`: "
            f"medians of {plan.rounds} rounds, storms of {plan.seconds:g} s, peers in turn.",
        ]
        for name in options.scenarios:
            made = rotation() if name == _ROTATION else SCENARIOS[name](plan)
            sections += made
            for section in made:
                print(f"\n## {section.title}\n\n{section.table}", flush=True)
                if section.svg:
                    (folder / f"{section.name}.svg").write_text(section.svg)
            # After each one, so that an interruption does not lose the results so far.
            (folder / "report.md").write_text(report(head, sections, [*plan.remarks]))
            (folder / "rounds.json").write_text(json.dumps(plan.kept, indent=1))
    for remark in plan.remarks:
        print(remark, file=sys.stderr)
    print(f"report: {folder / 'report.md'}", file=sys.stderr)
    return 1 if any(" failed: " in remark for remark in plan.remarks) else 0


if __name__ == "__main__":
    sys.exit(main())
