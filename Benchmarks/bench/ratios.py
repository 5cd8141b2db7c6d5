"""Ratios of the workbench to what it is measured against, each taken within a round."""
import collections
import os
import statistics

from process import note, run
from systems import DATA, ESTIMATORS, FLOOR, NAMES, STANDARD

PARTS = ["c", "adam", "threads", "peers", "training", "memory", "list"]


class Ratios:
    """A case is a function that a round calls; its argument says which system goes first."""

    def __init__(self, systems, scale):
        self.systems, self.scale = systems, scale
        self.samples = collections.defaultdict(list)  # (system, work, case, estimator, metric): a value a round
        self.ratios = {}  # row: (unit, target, at least?, values)
        self.disagreements = []

    def record(self, system, work, case, estimator, metric, value):
        self.samples[system, work, case, estimator, metric].append(value)
        return value

    def ratio(self, row, target, at_least, value, unit="ratio"):
        self.ratios.setdefault(row, (unit, target, at_least, []))[3].append(value)

    def agree(self, case, row, other, replicates):
        """The same work gives the same variance: within five standard errors of the difference."""
        mine, low, high = (float(row[c]) for c in ("variance", "variance_ci_low", "variance_ci_high"))
        error = (high - low) / (2 * 1.96) * (1 + float(row["replicates"]) / replicates) ** 0.5
        if row["interval_mark"] == "" and abs(mine - other) > 5 * error:
            self.disagreements.append(f"{case}: variance {mine:.6g} of the workbench, {other:.6g} of C")

    def many(self, count, K=1, batch=128):
        """Replicates: a number of draws, divided among K, in whole batches."""
        return max(batch, int(count * self.scale / K) // batch * batch)

    # Cases

    def against_c(self, model, D, K, estimators, generator, replicates):
        name = estimators[0] if len(estimators) == 1 else "all three"
        case = f"{'D=%d ' % D if model == 'gaussian' else ''}K={K} {generator}"
        least = (0.9 if generator == STANDARD else 0.8) if model == "gaussian" and len(estimators) == 1 else 0.8
        text = f"gaussian:dimension={D},x=1.5,noise=0.5" if model == "gaussian" else "logistic-regression"

        def mine():
            return self.systems.variance(text, estimators, K, replicates, generator)

        def other():
            size = D if model == "gaussian" else DATA
            return self.systems.c(model, generator, estimators, replicates, K, size)

        def case_of(swap):
            if swap:
                c, (rate, rows) = other(), mine()
            else:
                (rate, rows), c = mine(), other()
            self.record("workbench", model, case, name, "draws_per_second", rate * K)
            self.record("c", model, case, name, "draws_per_second", c["rate"])
            for estimator in estimators:
                self.agree(f"{model} {case}", rows[estimator], c[f"variance:{estimator}"], replicates)
            self.ratio(f"{model} {case}: {name}, rate ÷ C's", least, True, rate * K / c["rate"])

        return case_of

    def adam(self, generator, steps):
        case, rate = f"K=10 {generator}", 0.01

        def case_of(swap):
            order = [lambda: self.systems.training(10, steps, rate, generator),
                     lambda: self.systems.c_training(steps, rate, generator)]
            results = [f() for f in (reversed(order) if swap else order)]
            (mine, elbo), (c, c_elbo) = reversed(results) if swap else results
            self.record("workbench", "adam", case, "reparam", "microseconds_per_step", mine)
            self.record("c", "adam", case, "reparam", "microseconds_per_step", c)
            self.record("workbench", "adam", case, "reparam", "final_elbo", elbo)
            self.record("c", "adam", case, "reparam", "final_elbo", c_elbo)
            self.ratio(f"adam {case}: time a step ÷ C's", 1.25, False, mine / c)

        return case_of

    def threads(self, replicates):
        def case_of(swap):
            rates = {}
            for threads in (2, 1) if swap else (1, 2):
                rate, _ = self.systems.variance("logistic-regression", ESTIMATORS, 10, replicates, STANDARD, threads)
                rates[threads] = self.record(
                    "workbench", "logistic", f"K=10 {STANDARD} {threads} threads", "all three", "draws_per_second",
                    rate * 10)
            self.ratio("two threads ÷ one, logistic K=10", 1.85, True, rates[2] / rates[1])

        return case_of

    def whole_process(self, has_c, peers, replicates, threads):
        """Processes from start to end, imports and compilation included."""
        report = os.path.join(self.systems.work, "report")
        generators = self.systems.generators
        commands = {
            f"workbench {generator}": self.systems.variance_command(
                "logistic-regression", ESTIMATORS, 10, replicates, generator, threads) for generator in generators}
        for peer in peers:
            commands[peer] = self.systems.peer_command(peer, "logistic", 31, 10, replicates)
        if has_c and threads == 1:
            commands["c"] = [FLOOR, "logistic", STANDARD, "all", replicates, 10, DATA]
        where = "one core" if threads == 1 else f"{threads} cores"
        if "jax" not in peers and threads == 1:
            self.ratios[f"whole process, one core: time of JAX ÷ workbench's, {STANDARD}"] = ("ratio", 20, True, [])

        def case_of(swap):
            spent = {}
            for system in sorted(commands, reverse=swap):
                spent[system] = self.record(
                    system, "whole process", f"breast cancer K=10 R={replicates} {where}", "all three", "seconds",
                    run(commands[system], self.systems.cores[:threads], report)["wall_seconds"])
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

    def peer_rates(self, peers):
        works = [("gaussian", 10, 1, 2e5), ("gaussian", 100, 1, 4e4), ("logistic", 31, 10, 1000)]

        def case_of(swap):
            for model, D, K, replicates in works:
                case = f"{'D=%d ' % D if model == 'gaussian' else ''}K={K}"
                for peer in sorted(peers, reverse=swap):
                    rate = self.systems.peer_rate(peer, model, D, K, max(200, int(replicates * self.scale)))
                    self.record(peer, model, case, "all three", "draws_per_second", rate)

        return case_of

    def training(self, peers, epochs):
        """An epoch of auto-encoding variational Bayes on 1700 digits: minibatches of 100, 64-200-2x10, 10-200-64, Adam."""
        case, rows = "64-200-2x10, 10-200-64, M=100, N=1700", {
            "milliseconds_per_epoch": "auto-encoder, 1700 digits: time of an epoch ÷ JAX's",
            "processor_milliseconds_per_epoch": "auto-encoder, 1700 digits: processor time of an epoch ÷ JAX's"}
        if "jax" not in peers:
            self.ratios.update({row: ("ratio", 1, False, []) for row in rows.values()})
        measured = {"workbench": self.systems.epoch}
        if "jax" in peers:
            measured["jax"] = self.systems.jax_epoch

        def case_of(swap):
            spent = {system: measured[system](epochs) for system in sorted(measured, reverse=not swap)}
            for i, (metric, row) in enumerate(rows.items()):
                for system in spent:
                    self.record(system, "auto-encoder", case, "analytic-kl", metric, spent[system][i])
                if "jax" in spent:
                    self.ratio(row, 1, False, spent["workbench"][i] / spent["jax"][i])

        return case_of

    def memory(self, sizes, generator):
        report = os.path.join(self.systems.work, "report")

        def case_of(swap):
            peak = {}
            for R in sizes:
                command = self.systems.variance_command(
                    "gaussian:dimension=100,x=1.5,noise=0.5", ESTIMATORS, 1, R, generator, 1)
                peak[R] = self.record(
                    "workbench", "memory", f"D=100 K=1 R={R}", "all three", "peak_mebibytes",
                    run(command, self.systems.core, report)["peak_bytes"] / 2**20)
            self.ratio(f"peak memory at R={sizes[-1]}, D=100", 64, False, peak[sizes[-1]], "MiB")
            self.ratio(
                f"peak memory at R={sizes[-1]} ÷ at {sizes[0]}, D=100", 1.1, False, peak[sizes[-1]] / peak[sizes[0]])

        return case_of

    def list_time(self, repeats=5):
        report = os.path.join(self.systems.work, "report")

        def case_of(swap):
            spent = statistics.median(
                run([self.systems.workbench, "list"], self.systems.core, report)["wall_seconds"] * 1000
                for _ in range(repeats))
            self.record("workbench", "list", "", "", "milliseconds", spent)
            self.ratio("workbench list", 30, False, spent, "ms")

        return case_of

    # The cases of the parts asked for

    def cases(self, parts, has_c, peers):
        generators, found = self.systems.generators, []
        sets = [[e] for e in ESTIMATORS] + [ESTIMATORS]
        if has_c and "c" in parts:
            for generator in generators:
                normals = 2e7 if generator == STANDARD else 6e7
                found += [
                    self.against_c("gaussian", D, K, estimators, generator, self.many(normals / D, K))
                    for D in (10, 100) for K in (1, 10) for estimators in sets]
            found += [
                self.against_c("logistic", 31, 10, estimators, generator, self.many(2e5, 10, 96))
                for generator in generators for estimators in sets]
        if has_c and "adam" in parts:
            found += [self.adam(generator, max(100, int(5000 * self.scale))) for generator in generators]
        cores = len(self.systems.cores)
        if "threads" in parts:
            if cores > 1:
                found.append(self.threads(max(16384, self.many(4e5, 10, 1024))))
            else:
                note("one processor: two threads are not measured")
        if "peers" in parts:
            found.append(self.whole_process(has_c, peers, 10000, 1))
            if cores > 1 and peers:
                found.append(self.whole_process(False, peers, 10000, cores))
            found.append(self.peer_rates(peers))
        if "training" in parts:
            found.append(self.training(peers, max(50, int(300 * self.scale))))
        if "memory" in parts:
            found.append(self.memory([10**4, 10**6, 10**7] if self.scale >= 1 else [10**3, 10**4], generators[-1]))
        if "list" in parts:
            found.append(self.list_time())
        return found
