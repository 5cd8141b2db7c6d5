"""Measures the workbench against hand-written C, JAX, numpy and PyTorch in one interleaved run, and prints the ratios.

Every round runs every case, and within a case the workbench and what it is measured against, one right after the other.
The tables, the figures that they are made of, a picture and the machine's details go to results/benchmarks/, the slopes to README.md too.
"""
import argparse
import os
import pathlib
import shutil
import sys
import time

import ratios
import report
import scaling
from process import ROOT, note
from systems import NAMES, Systems, build_c, install

PARTS = [*ratios.PARTS, "scaling"]
RESULTS = ROOT / "results/benchmarks"


def options():
    parser = argparse.ArgumentParser(prog="Benchmarks/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: 5)")
    parser.add_argument("--scale", type=float, default=1, help="length of each timing (default: 1)")
    parser.add_argument("--quick", action="store_true", help="one short round, to try the benchmark itself")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, metavar="PART", help=f"some of the parts: {', '.join(PARTS)}")
    parser.add_argument(
        "--peers", nargs="*", choices=NAMES, metavar="PEER",
        help=f"which of {', '.join(NAMES)} (default: all that install, PyTorch only without CUDA)")
    parser.add_argument("--no-peers", action="store_const", dest="peers", const=[], help="none of them")
    parser.add_argument("--workbench", default=str(ROOT / ".build/release/workbench"), help="the executable")
    parser.add_argument(
        "--out", type=pathlib.Path, help="(default: results/benchmarks; with --quick or --only, nowhere)")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.scale = 1, min(chosen.scale, 0.05)
    if chosen.rounds < 1 or not chosen.scale > 0:
        parser.error("rounds and scale must be positive")
    if not os.access(chosen.workbench, os.X_OK):
        parser.error(f"{chosen.workbench} is not there; 'make bench' builds it")
    chosen.out = chosen.out and chosen.out.resolve()
    if chosen.only and chosen.out == RESULTS:
        parser.error("--only would leave results/benchmarks with a part of its figures: name another --out")
    if not (chosen.out or chosen.quick or chosen.only):
        chosen.out = RESULTS
    return chosen


def command(chosen):
    words = ["make bench", f"ROUNDS={chosen.rounds}", f"SCALE={chosen.scale:g}"]
    flags = ["--only", *chosen.only] if chosen.only else []
    if chosen.peers is not None:
        flags += ["--peers", *chosen.peers]
    return " ".join(words + ([f"FLAGS='{' '.join(flags)}'"] if flags else []))


def main():
    chosen = options()
    parts, started = chosen.only or PARTS, time.monotonic()
    systems = Systems(chosen.workbench)
    try:
        has_c = build_c()
        wanted = list(NAMES) if chosen.peers is None else chosen.peers
        peers = install(wanted, even_cuda=chosen.peers or []) if {"peers", "training", "scaling"} & set(parts) else []
        has_plot = "scaling" in parts and bool(install(["matplotlib"]))
        before = os.getloadavg()[0]
        if before > 0.5:
            note(f"the load is {before:.1f}: other processes disturb the figures")
        compared = ratios.Ratios(systems, chosen.scale)
        scaled = scaling.Scaling(systems, chosen.scale, has_c, peers)
        cases = compared.cases(parts, has_c, peers) + (scaled.cases() if "scaling" in parts else [])
        for number in range(chosen.rounds):
            note(f"round {number + 1} of {chosen.rounds}")
            for case in cases:
                case(number % 2 == 1)
        load = f"{before:.1f}, {os.getloadavg()[0]:.1f}"
        lines = report.machine(command(chosen), systems, peers, load, (time.monotonic() - started) / 60)
        out = chosen.out or pathlib.Path(systems.work)
        out.mkdir(parents=True, exist_ok=True)
        sections = []
        if compared.ratios:
            sections.append(report.write_ratios(compared, out))
            print(report.aligned(report.ratio_table(compared.ratios)))
        if scaled.seconds:
            sections.append(report.write_scaling(scaled, out, has_plot))
            print(report.aligned(scaling.table(out / "scaling.csv")))
        report.write(out, lines, chosen.rounds, sections)
        if out == RESULTS:
            report.update(ROOT / "README.md", out / "scaling.csv")
        if chosen.out:
            note(f"wrote {os.path.relpath(out)}")
    finally:
        shutil.rmtree(systems.work, ignore_errors=True)
    for line in compared.disagreements:
        note(f"not the same work: {line}")
    note(f"took {(time.monotonic() - started) / 60:.1f} minutes")
    return 1 if compared.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
