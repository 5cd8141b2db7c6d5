"""Time against the number of replicates, the dimension and the draws an estimate, one axis at a time.

The time is that of the measurement alone: no process start, no reading of data, no compilation. All three estimators
on shared draws, on one core.
"""
import collections
import csv
import itertools
import math
import os
import random
import statistics

from systems import DATA, ESTIMATORS

Point = collections.namedtuple("Point", "model axis value D K replicates")
COLUMNS = [
    "system", "model", "axis", "value", "dimension", "samples", "replicates", "estimators", "seconds", "seconds_min",
    "seconds_max", "ns_per_draw_coordinate", "ns_per_draw_coordinate_min", "ns_per_draw_coordinate_max"]
AXES = ["replicates", "dimension", "samples"]
BREAST_CANCER, DATUMS = 31, 569
FITTED = 3  # sizes, the largest: the slope is theirs


def points(scale):
    """Every size that is measured; a scale below 1 leaves the largest out."""
    tens = [10**i for i in range(8)]
    found = [Point("gaussian", "replicates", R, 10, 1, R) for R in tens[3:]]
    found += [Point("gaussian", "dimension", D, D, 1, 10**4) for D in tens[:5]]
    found += [Point("gaussian", "samples", K, 10, K, 10**3) for K in tens[:4]]
    found += [Point("logistic", "replicates", R, BREAST_CANCER, 1, R) for R in tens[3:7]]
    found += [Point("logistic", "dimension", D, D, 1, 10**4) for D in (10, 32, 100, 316, 1000)]
    found += [Point("logistic", "samples", K, BREAST_CANCER, K, 10**3) for K in tens[:4]]
    return [p for p in found if scale >= 1 or work(p) <= 4e6 * scale]


def work(point):
    """Coordinates drawn; one of logistic regression takes about as long as four of the Gaussian model."""
    return point.replicates * point.K * point.D * (4 if point.model == "logistic" else 1)


def synthetic(directory, D):
    """A file of 569 data with D − 1 columns that makes, with the intercept, a logistic regression of dimension D."""
    path = os.path.join(directory, f"logistic-{D}.csv")
    if not os.path.exists(path):
        source = random.Random(D)
        with open(path, "w") as file:
            print(*(f"x{d}" for d in range(D - 1)), "y", sep=",", file=file)
            for n in range(DATUMS):
                print(*(f"{source.gauss(0, 1):.6f}" for _ in range(D - 1)), n % 2, sep=",", file=file)
    return path


class Scaling:
    def __init__(self, systems, scale, has_c, peers):
        self.systems, self.has_c, self.has_jax = systems, has_c, "jax" in peers
        self.points = points(scale)
        self.seconds = collections.defaultdict(list)  # (system, point): a value a round

    def rates(self, point):
        """Functions that give the draws a second of each system that can do the work, by the system's name."""
        model, axis, _, D, K, R = point
        data = synthetic(self.systems.work, D) if (model, axis) == ("logistic", "dimension") else DATA
        if model == "gaussian":
            text, size = f"gaussian:dimension={D},x=1.5,noise=0.5", D
        else:
            text, size = f"logistic-regression:data={data}" if data != DATA else "logistic-regression", DATA
        found = {}
        for generator in self.systems.generators:
            found[f"workbench {generator}"] = lambda generator=generator: K * self.systems.variance(
                text, ESTIMATORS, K, R, generator)[0]
            # The C program is compiled for the breast-cancer data alone.
            if self.has_c and data == DATA:
                found[f"C {generator}"] = lambda generator=generator: self.systems.c(
                    model, generator, ESTIMATORS, R, K, size)["rate"]
        # JAX does the work twice, the first time to compile.
        if self.has_jax and work(point) <= 4e7:
            found["JAX"] = lambda: self.systems.peer_rate("jax", model, D, K, R, data=data)
        return found

    def cases(self):
        def case_of(point):
            rates = self.rates(point)

            def case(swap):
                for system in sorted(rates, reverse=swap):
                    draws = point.replicates * point.K
                    self.seconds[system, point].append(draws / rates[system]())

            return case

        return [case_of(point) for point in self.points]

    def rows(self):
        for (system, p), values in sorted(
                self.seconds.items(), key=lambda item: (item[0][1].model, AXES.index(item[0][1].axis), item[0][0])):
            figures = [statistics.median(values), min(values), max(values)]
            each = [s * 1e9 / (p.replicates * p.K * p.D) for s in figures]
            yield [system, p.model, p.axis, p.value, p.D, p.K, p.replicates, " ".join(ESTIMATORS),
                   *(f"{v:.4g}" for v in figures + each)]

    def write(self, path):
        with open(path, "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(self.rows())


def curves(path):
    """(model, axis, system): sizes and rows, of a file that `Scaling.write` wrote."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    found = {}
    for key, group in itertools.groupby(rows, lambda row: (row["model"], row["axis"], row["system"])):
        found[key] = sorted(group, key=lambda row: float(row["value"]))
    return found


def slope(curve):
    """Of log time on log size, by least squares over the largest sizes: 1 where the time is proportional."""
    logs = [(math.log(float(row["value"])), math.log(float(row["seconds"]))) for row in curve[-FITTED:]]
    if len(logs) < 2:
        return None
    x, y = (statistics.fmean(c) for c in zip(*logs))
    return sum((a - x) * (b - y) for a, b in logs) / sum((a - x) ** 2 for a, _ in logs)


def size_text(value):
    """10000 as 10⁴."""
    power = len(value) - 1
    return "10" + "⁰¹²³⁴⁵⁶⁷⁸⁹"[power] if power > 2 and value == f"1{'0' * power}" else value


def table(path):
    """A row a model and system: slopes over the three axes, and the sizes that they are fitted over."""
    found = curves(path)
    rows = [["slope over", "replicates", "dimension", "draws an estimate"]]
    for model, system in dict.fromkeys((model, system) for model, _, system in found):
        cells = []
        for axis in AXES:
            curve = found.get((model, axis, system), [])
            fit = slope(curve)
            ends = [size_text(row["value"]) for row in (curve[-FITTED:][0], curve[-1])] if curve else []
            cells.append("" if fit is None else f"{fit:.2f} ({'–'.join(ends)})")
        if any(cells):
            rows.append([f"{model}: {system}", *cells])
    return rows
