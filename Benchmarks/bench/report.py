"""What a run prints and writes: tables, figures and the machine's details."""
import csv
import datetime
import os
import platform
import re
import shutil
import statistics
import subprocess

import scaling
from process import CC, HERE, PYTHON, note, tried
from systems import NAMES, package_version


def machine(command, systems, peers, load, minutes):
    def field(path, name):
        try:
            return next(line.split(":", 1)[1].strip() for line in open(path) if line.startswith(name))
        except (OSError, StopIteration):
            return ""

    lines = {
        "command": command,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "minutes": f"{minutes:.0f}",
        "workbench": tried([systems.workbench, "--version"]),
        "commit": tried(["git", "describe", "--always", "--dirty"]),
        "processor": field("/proc/cpuinfo", "model name") or tried(["sysctl", "-n", "machdep.cpu.brand_string"]),
        "vector extensions": " ".join(
            flag for flag in field("/proc/cpuinfo", "flags").split() if re.match(r"avx|fma$", flag)),
        "processors": str(os.cpu_count()),
        "pinned to": ", ".join(map(str, systems.cores)) if shutil.which("taskset") else "nothing",
        "load before and after": load,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Swift": tried(["swift", "--version"]),
        "C compiler": tried([*CC, "--version"]),
        "GSL": tried(["pkg-config", "--modversion", "gsl"]),
        "BLAS": systems.blas,
        "Python": platform.python_version(),
    }
    for peer in NAMES:
        lines[NAMES[peer]] = package_version(peer) if peer in peers else "not measured"
    return lines


def digits(value):
    return f"{value:.4g}"


def reached(target, at_least, middle):
    if target is None or middle is None:
        return ""
    return "yes" if (middle >= target if at_least else middle <= target) else "no"


def ratio_table(ratios):
    rows = [["", "target", "median", "least", "greatest", "reached"]]
    for row, (unit, target, at_least, values) in ratios.items():
        of = "" if unit == "ratio" else f" {unit}"
        middle = statistics.median(values) if values else None
        rows.append([
            row, f"{'≥' if at_least else '≤'} {target:g}{of}" if target is not None else "",
            *([digits(v) + of for v in (middle, min(values), max(values))] if values else ["", "", ""]),
            reached(target, at_least, middle)])
    return rows


def aligned(rows):
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(w) if c == 0 else cell.rjust(w) for c, (cell, w) in enumerate(zip(row, widths))).rstrip()
        for row in rows)


def markdown(rows):
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---" * len(rows[0]) + "|")
    return "\n".join(lines) + "\n"


def write_csv(path, header, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_ratios(measured, out):
    """The figures, the ratios, and what the README says of them."""
    write_csv(
        out / "benchmarks.csv", ["system", "work", "case", "estimator", "metric", "median", "min", "max"],
        ([*key, digits(statistics.median(values)), digits(min(values)), digits(max(values))]
         for key, values in measured.samples.items()))
    rows = []
    for row, (unit, target, at_least, values) in measured.ratios.items():
        figures = [statistics.median(values), min(values), max(values)] if values else []
        rows.append([
            row, unit, "at least" if at_least else "at most", "" if target is None else f"{target:g}",
            *(map(digits, figures) if figures else ["", "", ""]),
            reached(target, at_least, figures[0] if figures else None)])
    write_csv(
        out / "ratios.csv", ["row", "unit", "sense", "target", "median", "min", "max", "reached"], rows)
    return (
        "## Ratios\n\n"
        "Median, least and greatest over the rounds; a ratio is taken within a round. `benchmarks.csv` has the figures\n"
        "that the ratios are made of, `ratios.csv` this table. `C` is `Benchmarks/floor/`, which keeps the same\n"
        "statistics; JAX, numpy and PyTorch are `Benchmarks/peers/`. Rates are of draws: K times replicates. All on\n"
        "one core but where two threads or cores are named. The whole process is `variance` on the breast-cancer\n"
        "data, three estimators, K = 10, imports and compilation included. An epoch of the auto-encoder is what one more\n"
        "takes, bounds and compilation apart.\n\n"
        + markdown(ratio_table(measured.ratios))
        + "".join(f"\nNot the same work: {line}.\n" for line in measured.disagreements))


def write_scaling(measured, out, has_plot):
    """The figures, the picture, and what the README says of them."""
    measured.write(out / "scaling.csv")
    picture = ""
    if has_plot:
        command = [PYTHON, HERE / "bench/plot.py", out / "scaling.csv", out / "scaling.svg"]
        done = subprocess.run([str(word) for word in command], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            note(f"the picture is not drawn: {done.stderr.strip().splitlines()[-1]}")
        else:
            picture = "![Wall time against replicates, dimension and draws an estimate](scaling.svg)\n\n"
    return (
        "## Scaling\n\n" + picture +
        "Wall time of the measurement alone (no process start, no reading of data, no compilation), three estimators\n"
        "on shared draws, on one core: against the replicates, the dimension and the draws an estimate, the rest held\n"
        "as each panel says. Lines are medians over the rounds, bands run from the least to the greatest. The data of\n"
        "logistic regression are breast-cancer (569 × 31); along the dimension they are 569 made-up data, for which\n"
        "the C program is not compiled. JAX is measured where the work is short. `scaling.csv` has the figures, and\n"
        "nanoseconds by draw and coordinate, R · K · D of them.\n\n"
        f"The slope is that of log time on log size, fitted over the {scaling.FITTED} largest sizes measured (in\n"
        "brackets, the range): 1 where the time is proportional, less where a fixed part still counts.\n\n"
        + markdown(scaling.table(out / "scaling.csv")))


def write(out, lines, rounds, sections):
    (out / "machine.txt").write_text("".join(f"{name}: {value}\n" for name, value in lines.items()))
    (out / "README.md").write_text(
        "# Speed, measured\n\n"
        f"Written by `{lines['command']}` in {lines['minutes']} minutes on {lines['processor']} ({lines['Swift']};\n"
        f"{lines['C compiler']}): {rounds} interleaved {'round' if rounds == 1 else 'rounds'}. `machine.txt` has the machine.\n\n"
        + "\n".join(sections))


def update(readme, source):
    """Puts the slopes of scaling.csv between the marks in a README."""
    first, last = "<!-- slopes -->\n", "<!-- end of slopes -->\n"
    before, found, rest = readme.read_text().partition(first)
    _, closed, after = rest.partition(last)
    if not (found and closed):
        return note(f"{readme} has no marks for the slopes: it stays as it is")
    readme.write_text(before + first + markdown(scaling.table(source)) + last + after)
