#!/usr/bin/env python3
"""Measures the workbench against hand-written C, JAX and numpy in one interleaved run, and prints the ratios.

Every round runs every case, and within a case the workbench and what it is measured against, one right after the other.
A ratio is taken within a round; its median, least and greatest are over the rounds. The table, the figures that it is
made of and the machine's details go to results/benchmarks/.
"""
import argparse
import collections
import csv
import datetime
import os
import pathlib
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
DATA = ROOT / "Sources/ShippedData/breast-cancer.csv"
FLOOR, LAUNCH = HERE / ".build/floor/floor", HERE / ".build/floor/launch"
PYTHON = HERE / ".venv/bin/python"
ESTIMATORS = ["score", "reparam", "analytic-kl"]
STANDARD, FAST = "mt19937", "xoshiro256x8"
NAMES = {"jax": "JAX", "numpy": "numpy"}
CC = shlex.split(os.environ.get("CC", "cc"))
POINT = {"gaussian": (0.3, -0.5), "logistic": (0.0, -1.0)}


def note(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


# Processes


def run(command, cores=None, launch=None):
    """Standard output of a command on some cores; with `launch`, what the launcher reports."""
    command = [str(word) for word in command]
    prefix = []
    if cores and shutil.which("taskset"):
        prefix = ["taskset", "-c", ",".join(map(str, cores))]
    if launch:
        prefix += [str(LAUNCH), launch]
    done = subprocess.run(prefix + command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)}\n{done.stderr.strip()}\nbench: exit status {done.returncode}")
    return pairs(pathlib.Path(launch).read_text()) if launch else done.stdout


def pairs(text):
    """`name value` lines."""
    return {name: float(value) for name, value in (line.split() for line in text.splitlines())}


def tried(command):
    """First line that a command prints, or nothing."""
    try:
        done = subprocess.run(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
        return done.stdout.strip().splitlines()[0] if done.returncode == 0 else ""
    except (OSError, IndexError):
        return ""


def physical_cores(count):
    """Processors that this process may use, no two of them on one core if there are enough."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    allowed, seen, chosen = sorted(os.sched_getaffinity(0)), set(), []
    for cpu in allowed:
        siblings = pathlib.Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        core = siblings.read_text() if siblings.exists() else str(cpu)
        if core not in seen:
            seen.add(core)
            chosen.append(cpu)
    return (chosen + [cpu for cpu in allowed if cpu not in chosen])[:count]


# What is measured


class Bench:
    def __init__(self, options):
        self.options = options
        self.workbench = options.workbench
        self.samples = collections.defaultdict(list)  # (system, work, case, estimator, metric): a value a round
        self.ratios = {}  # row: (unit, target, at least?, values)
        self.cores = physical_cores(2)
        self.core = self.cores[:1]
        self.work = tempfile.mkdtemp(prefix="workbench-bench-")
        self.disagreements = []

    def record(self, system, work, case, estimator, metric, value):
        self.samples[system, work, case, estimator, metric].append(value)
        return value

    def ratio(self, row, target, at_least, value, unit="ratio"):
        self.ratios.setdefault(row, (unit, target, at_least, []))[3].append(value)

    # The workbench

    def variance(self, model, estimators, K, replicates, generator, threads=1, point=None):
        """replicates_per_second of timing.csv, and for each estimator its variance and interval."""
        out = os.path.join(self.work, "variance")
        mean, log_scale = point or POINT[model.split(":")[0].split("-")[0]]
        run(
            [self.workbench, "variance", "--estimator", *estimators, "--model", model, "--samples", K, "--at",
             f"mean={mean},log_scale={log_scale}", "--replicates", replicates, "--rng", generator, "--threads",
             threads, "--out", out], self.cores[:threads])
        with open(os.path.join(out, "timing.csv"), newline="") as file:
            rate = float(next(csv.DictReader(file))["replicates_per_second"])
        with open(os.path.join(out, "variance.csv"), newline="") as file:
            rows = {row["estimator"]: row for row in csv.DictReader(file) if row["block"] == "all"}
        return rate, rows

    def training(self, K, steps, rate, generator):
        out = os.path.join(self.work, "elbo")
        run(
            [self.workbench, "elbo", "--estimator", "reparam", "--model", "logistic-regression", "--samples", K,
             "--optimizer", "adam", "--learning-rate", rate, "--steps", steps, "--evaluate", steps, "--runs", 1,
             "--rng", generator, "--threads", 1, "--out", out], self.core)
        with open(os.path.join(out, "timing.csv"), newline="") as file:
            spent = float(next(csv.DictReader(file))["microseconds_per_step"])
        with open(os.path.join(out, "elbo.csv"), newline="") as file:
            last = list(csv.DictReader(file))[-1]
        return spent, float(last["exact_elbo"] or last["elbo"])

    def agree(self, case, row, other, replicates):
        """The same work gives the same variance: within five standard errors of the difference."""
        mine, low, high = (float(row[c]) for c in ("variance", "variance_ci_low", "variance_ci_high"))
        error = (high - low) / (2 * 1.96) * (1 + float(row["replicates"]) / replicates) ** 0.5
        if row["interval_mark"] == "" and abs(mine - other) > 5 * error:
            self.disagreements.append(f"{case}: variance {mine:.6g} of the workbench, {other:.6g} of C")

    # Cases: each is a function that a round calls; `swap` says which system goes first

    def against_c(self, model, D, K, estimators, generator, replicates):
        name = estimators[0] if len(estimators) == 1 else "all three"
        case = f"{'D=%d ' % D if model == 'gaussian' else ''}K={K} {generator}"
        least = (0.9 if generator == STANDARD else 0.8) if model == "gaussian" and len(estimators) == 1 else 0.8
        text = f"gaussian:dimension={D},x=1.5,noise=0.5" if model == "gaussian" else "logistic-regression"
        mine = self.variance, (text, estimators, K, replicates, generator)
        other = run, (
            [FLOOR, model, generator, "all" if len(estimators) == 3 else name, replicates, K,
             D if model == "gaussian" else DATA], self.core)

        def case_of(swap):
            if swap:
                c, (rate, rows) = pairs(other[0](*other[1])), mine[0](*mine[1])
            else:
                (rate, rows), c = mine[0](*mine[1]), pairs(other[0](*other[1]))
            self.record("workbench", model, case, name, "draws_per_second", rate * K)
            self.record("c", model, case, name, "draws_per_second", c["rate"])
            for estimator in estimators:
                self.agree(f"{model} {case}", rows[estimator], c[f"variance:{estimator}"], replicates)
            self.ratio(f"{model} {case}: {name}, rate ÷ C's", least, True, rate * K / c["rate"])

        return case_of

    def adam(self, generator, steps):
        case, rate = f"K=10 {generator}", 0.01

        def case_of(swap):
            order = [lambda: self.training(10, steps, rate, generator),
                     lambda: pairs(run([FLOOR, "adam", generator, steps, rate, DATA], self.core))]
            results = [f() for f in (reversed(order) if swap else order)]
            (mine, elbo), c = reversed(results) if swap else results
            self.record("workbench", "adam", case, "reparam", "microseconds_per_step", mine)
            self.record("c", "adam", case, "reparam", "microseconds_per_step", c["microseconds_per_step"])
            self.record("workbench", "adam", case, "reparam", "final_elbo", elbo)
            self.record("c", "adam", case, "reparam", "final_elbo", c["elbo"])
            self.ratio(f"adam {case}: time a step ÷ C's", 1.25, False, mine / c["microseconds_per_step"])

        return case_of

    def threads(self, replicates):
        def case_of(swap):
            rates = {}
            for threads in (2, 1) if swap else (1, 2):
                rate, _ = self.variance("logistic-regression", ESTIMATORS, 10, replicates, STANDARD, threads)
                rates[threads] = self.record(
                    "workbench", "logistic", f"K=10 {STANDARD} {threads} threads", "all three", "draws_per_second",
                    rate * 10)
            self.ratio("two threads ÷ one, logistic K=10", 1.85, True, rates[2] / rates[1])

        return case_of

    def whole_process(self, has_c, generators, peers, replicates, threads):
        """Processes from start to end, imports and compilation included."""
        report = os.path.join(self.work, "report")
        mean, log_scale = POINT["logistic"]
        commands = {
            f"workbench {generator}": [
                self.workbench, "variance", "--estimator", *ESTIMATORS, "--model", "logistic-regression", "--samples",
                10, "--at", f"mean={mean},log_scale={log_scale}", "--replicates", replicates, "--rng", generator,
                "--threads", threads] for generator in generators}
        for peer in peers:
            commands[peer] = [
                PYTHON, HERE / f"peers/{peer}_variance.py", "logistic", "--data", DATA, "--samples", 10,
                "--replicates", replicates, "--mean", mean, "--log-scale", log_scale]
        if has_c and threads == 1:
            commands["c"] = [FLOOR, "logistic", STANDARD, "all", replicates, 10, DATA]
        where = "one core" if threads == 1 else f"{threads} cores"

        def case_of(swap):
            spent = {}
            for system in sorted(commands, reverse=swap):
                spent[system] = self.record(
                    system, "whole process", f"breast cancer K=10 R={replicates} {where}", "all three", "seconds",
                    run(commands[system], self.cores[:threads], report)["wall_seconds"])
            for peer in peers:
                for generator in generators:
                    target = 20 if (peer, generator, threads) == ("jax", STANDARD, 1) else None
                    self.ratio(
                        f"whole process, {where}: time of {NAMES[peer]} ÷ workbench's, {generator}", target, True,
                        spent[peer] / spent[f"workbench {generator}"])
                if "c" in spent:
                    self.ratio(
                        f"whole process, {where}: time of {NAMES[peer]} ÷ C's, {STANDARD}", None, True,
                        spent[peer] / spent["c"])

        return case_of

    def peer_rates(self, peers, scale):
        works = [("gaussian", 10, 1, 2e5), ("gaussian", 100, 1, 4e4), ("logistic", 31, 10, 1000)]

        def case_of(swap):
            for model, D, K, replicates in works:
                case = f"{'D=%d ' % D if model == 'gaussian' else ''}K={K}"
                mean, log_scale = POINT[model]
                for peer in sorted(peers, reverse=swap):
                    out = pairs(run(
                        [PYTHON, HERE / f"peers/{peer}_variance.py", model, "--data", DATA, "--dimension", D,
                         "--samples", K, "--replicates", max(200, int(replicates * scale)), "--mean", mean,
                         "--log-scale", log_scale, "--rate"], self.core))
                    self.record(peer, model, case, "all three", "draws_per_second", out["rate"])

        return case_of

    def memory(self, sizes, generator):
        report = os.path.join(self.work, "report")

        def case_of(swap):
            peak = {}
            for R in sizes:
                peak[R] = self.record(
                    "workbench", "memory", f"D=100 K=1 R={R}", "all three", "peak_mebibytes",
                    run(
                        [self.workbench, "variance", "--estimator", *ESTIMATORS, "--model",
                         "gaussian:dimension=100,x=1.5,noise=0.5", "--replicates", R, "--rng", generator,
                         "--threads", 1], self.core, report)["peak_bytes"] / 2**20)
            self.ratio(f"peak memory at R={sizes[-1]}, D=100", 64, False, peak[sizes[-1]], "MiB")
            if len(sizes) > 1:
                self.ratio(
                    f"peak memory at R={sizes[-1]} ÷ at {sizes[0]}, D=100", 1.1, False, peak[sizes[-1]] / peak[sizes[0]])

        return case_of

    def list_time(self, repeats=5):
        report = os.path.join(self.work, "report")

        def case_of(swap):
            spent = statistics.median(
                run([self.workbench, "list"], self.core, report)["wall_seconds"] * 1000 for _ in range(repeats))
            self.record("workbench", "list", "", "", "milliseconds", spent)
            self.ratio("workbench list", 30, False, spent, "ms")

        return case_of

    # The run

    def cases(self, has_c, generators, peers):
        scale, found = self.options.scale, []

        def many(count, K=1, batch=128):
            return max(batch, int(count * scale / K) // batch * batch)

        if has_c:
            for generator in generators:
                normals = 2e7 if generator == STANDARD else 6e7
                for D in (10, 100):
                    for K in (1, 10):
                        for estimators in [[e] for e in ESTIMATORS] + [ESTIMATORS]:
                            found.append(
                                self.against_c("gaussian", D, K, estimators, generator, many(normals / D, K)))
            for generator in generators:
                for estimators in [[e] for e in ESTIMATORS] + [ESTIMATORS]:
                    found.append(self.against_c("logistic", 31, 10, estimators, generator, many(2e5, 10, 96)))
            for generator in generators:
                found.append(self.adam(generator, max(100, int(5000 * scale))))
        if len(self.cores) > 1:
            found.append(self.threads(max(16384, many(4e5, 10, 1024))))
        else:
            note("one processor: two threads are not measured")
        if peers:
            found.append(self.whole_process(has_c, generators, peers, 10000, 1))
            if len(self.cores) > 1:
                found.append(self.whole_process(False, generators, peers, 10000, len(self.cores)))
            found.append(self.peer_rates(peers, scale))
        sizes = [10**4, 10**6, 10**7] if scale >= 1 else [10**3, 10**4]
        found.append(self.memory(sizes, generators[-1]))
        found.append(self.list_time())
        return found

    def measure(self, cases):
        for number in range(self.options.rounds):
            note(f"round {number + 1} of {self.options.rounds}")
            for case in cases:
                case(number % 2 == 1)


# Preparation


def generators(workbench):
    listed = [line.split()[0] for line in run([workbench, "list", "generators"]).splitlines() if line.strip()]
    if FAST in listed:
        return [STANDARD, FAST]
    note(f"this build has no generator {FAST}: the rows with it are left out")
    return [STANDARD]


def build_c():
    """Whether there is a C program to measure against; the launcher is built in any case."""
    make = ["make", "-s", "-C", str(HERE / "floor")]
    if subprocess.run(make + ["launch"]).returncode:
        raise SystemExit("bench: Benchmarks/floor/launch.c does not compile")
    macros = subprocess.run(
        [*CC, "-march=native", "-dM", "-E", "-x", "c", "/dev/null"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True).stdout
    if "__AVX512DQ__" not in macros:
        note("the C program needs AVX-512 and this processor, or compiler, lacks it: the rows against C are left out")
        return False
    if subprocess.run(make + ["floor"]).returncode:
        note("the C program does not compile: the rows against C are left out")
        return False
    return True


def install_peers():
    """Those of JAX and numpy that can be imported, after an attempt to install them."""
    peers = list(NAMES)

    def imported(package):
        return tried([PYTHON, "-c", f"import {package}; print({package}.__version__)"])

    if not all(map(imported, peers)):
        note("installs JAX and numpy in Benchmarks/.venv")
        if subprocess.run([sys.executable, "-m", "venv", str(HERE / ".venv")]).returncode == 0:
            subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peers])
    found = [peer for peer in peers if imported(peer)]
    for peer in peers:
        if peer not in found:
            note(f"{NAMES[peer]} does not install: its rows are left empty")
    return found


# Output


def machine(bench, peers, load):
    def field(path, name):
        try:
            return next(line.split(":", 1)[1].strip() for line in open(path) if line.startswith(name))
        except (OSError, StopIteration):
            return ""

    lines = {
        "command": " ".join(["make bench", f"ROUNDS={bench.options.rounds}", f"SCALE={bench.options.scale:g}"]),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "workbench": tried([bench.workbench, "--version"]),
        "commit": tried(["git", "describe", "--always", "--dirty"]),
        "processor": field("/proc/cpuinfo", "model name") or tried(["sysctl", "-n", "machdep.cpu.brand_string"]),
        "vector extensions": " ".join(
            flag for flag in field("/proc/cpuinfo", "flags").split() if re.match(r"avx|fma$", flag)),
        "processors": str(os.cpu_count()),
        "pinned to": ", ".join(map(str, bench.cores)) if shutil.which("taskset") else "nothing",
        "load before and after": load,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Swift": tried(["swift", "--version"]),
        "C compiler": tried([*CC, "--version"]),
        "GSL": tried(["pkg-config", "--modversion", "gsl"]),
        "Python": platform.python_version(),
    }
    for peer in NAMES:
        lines[NAMES[peer]] = (
            tried([PYTHON, "-c", f"import {peer}; print({peer}.__version__)"]) if peer in peers else "not measured")
    return lines


def digits(value):
    return f"{value:.4g}"


def table(ratios):
    rows = [["", "target", "median", "least", "greatest", "reached"]]
    for row, (unit, target, at_least, values) in ratios.items():
        of = "" if unit == "ratio" else f" {unit}"
        middle = statistics.median(values) if values else None
        rows.append([
            row, f"{'≥' if at_least else '≤'} {target:g}{of}" if target is not None else "",
            *([digits(v) + of for v in (middle, min(values), max(values))] if values else ["", "", ""]),
            reached(target, at_least, middle)])
    return rows


def reached(target, at_least, middle):
    if target is None or middle is None:
        return ""
    return "yes" if (middle >= target if at_least else middle <= target) else "no"


def aligned(rows):
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(w) if c == 0 else cell.rjust(w) for c, (cell, w) in enumerate(zip(row, widths))).rstrip()
        for row in rows)


def write(bench, lines, out):
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "benchmarks.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["system", "work", "case", "estimator", "metric", "median", "min", "max"])
        for key, values in bench.samples.items():
            writer.writerow([*key, digits(statistics.median(values)), digits(min(values)), digits(max(values))])
    with open(out / "ratios.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "unit", "sense", "target", "median", "min", "max", "reached"])
        for row, (unit, target, at_least, values) in bench.ratios.items():
            figures = [statistics.median(values), min(values), max(values)] if values else []
            writer.writerow([
                row, unit, "at least" if at_least else "at most", "" if target is None else f"{target:g}",
                *(map(digits, figures) if figures else ["", "", ""]),
                reached(target, at_least, figures[0] if figures else None)])
    (out / "machine.txt").write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
    rows = table(bench.ratios)
    markdown = [f"| {' | '.join(row)} |" for row in rows]
    markdown.insert(1, "|---" * len(rows[0]) + "|")
    (out / "README.md").write_text(
        "# Speed, measured\n\n"
        f"Written by `{lines['command']}` on {lines['processor']} ({lines['Swift']}; {lines['C compiler']}).\n"
        f"Medians, least and greatest of {bench.options.rounds} interleaved rounds; a ratio is taken within a round.\n"
        "`benchmarks.csv` has the figures that the ratios are made of, `ratios.csv` this table, `machine.txt` the\n"
        "machine. `C` is `Benchmarks/floor/`, which keeps the same statistics; JAX and numpy are `Benchmarks/peers/`.\n"
        "Rates are of draws: K times replicates. All on one core but where two threads or cores are named.\n"
        "The whole process is `variance` on the breast-cancer data, three estimators, K = 10, imports and compilation\n"
        "included.\n\n"
        + "\n".join(markdown) + "\n"
        + "".join(f"\nNot the same work: {line}.\n" for line in bench.disagreements))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: 5)")
    parser.add_argument("--scale", type=float, default=1, help="length of each timing (default: 1)")
    parser.add_argument("--quick", action="store_true", help="one short round, to try the benchmark itself")
    parser.add_argument("--no-peers", action="store_true", help="leave out JAX and numpy")
    parser.add_argument("--workbench", default=str(ROOT / ".build/release/workbench"), help="the executable")
    parser.add_argument("--out", type=pathlib.Path, help="(default: results/benchmarks; with --quick, nowhere)")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.scale = 1, min(options.scale, 0.05)
    if options.rounds < 1 or not options.scale > 0:
        parser.error("rounds and scale must be positive")
    if not os.access(options.workbench, os.X_OK):
        parser.error(f"{options.workbench} is not there; 'make bench' builds it")
    out = options.out or (None if options.quick else ROOT / "results/benchmarks")

    bench = Bench(options)
    try:
        has_c, peers = build_c(), [] if options.no_peers else install_peers()
        before = os.getloadavg()[0]
        if before > 0.5:
            note(f"the load is {before:.1f}: other processes disturb the figures")
        cases = bench.cases(has_c, generators(options.workbench), peers)
        bench.measure(cases)
        if "jax" not in peers:
            bench.ratios[f"whole process, one core: time of JAX ÷ workbench's, {STANDARD}"] = ("ratio", 20, True, [])
        lines = machine(bench, peers, f"{before:.1f}, {os.getloadavg()[0]:.1f}")
    finally:
        shutil.rmtree(bench.work, ignore_errors=True)
    print(aligned(table(bench.ratios)))
    for line in bench.disagreements:
        note(f"not the same work: {line}")
    if out:
        write(bench, lines, out)
        note(f"wrote {os.path.relpath(out)}")
    return 1 if bench.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
