"""What is measured: the workbench, the C program and the peers, each run the same way."""
import csv
import json
import os
import subprocess
import sys
import tempfile

from process import CC, HERE, PYTHON, ROOT, note, pairs, physical_cores, run, tried

DATA = ROOT / "Sources/ShippedData/breast-cancer.csv"
DIGITS = ROOT / "Sources/ShippedData/digits.csv"
FLOOR = HERE / ".build/floor/floor"
ESTIMATORS = ["score", "reparam", "analytic-kl"]
STANDARD, FAST = "mt19937", "xoshiro256x8"
POINT = {"gaussian": (0.3, -0.5), "logistic": (0.0, -1.0)}
NAMES = {"jax": "JAX", "numpy": "numpy", "torch": "PyTorch"}
# Pinned, PyTorch is 2.13.0+cpu where pip is given that wheel (find-links): pip takes it for newer than plain 2.13.0.
PACKAGES = {"jax": "jax", "numpy": "numpy", "torch": "torch==2.13.0", "matplotlib": "matplotlib"}


class Systems:
    """Runs each of them on the same cores; `work` is a directory for what they write."""

    def __init__(self, workbench):
        self.workbench = workbench
        self.cores = physical_cores(2)
        self.core = self.cores[:1]
        self.work = tempfile.mkdtemp(prefix="workbench-bench-")
        self.generators = self.known_generators()
        self.blas = "not used"

    def known_generators(self):
        lines = run([self.workbench, "list", "generators"]).splitlines()
        if FAST in [line.split()[0] for line in lines if line.strip()]:
            return [STANDARD, FAST]
        note(f"this build has no generator {FAST}: the rows with it are left out")
        return [STANDARD]

    def variance_command(self, model, estimators, K, replicates, generator, threads):
        mean, log_scale = POINT[model.split(":")[0].split("-")[0]]
        return [
            self.workbench, "variance", "--estimator", *estimators, "--model", model, "--samples", K, "--at",
            f"mean={mean},log_scale={log_scale}", "--replicates", replicates, "--rng", generator, "--threads", threads]

    def variance(self, model, estimators, K, replicates, generator, threads=1):
        """replicates_per_second of timing.csv, and for each estimator its variance and interval."""
        out = os.path.join(self.work, "variance")
        command = self.variance_command(model, estimators, K, replicates, generator, threads)
        run([*command, "--out", out], self.cores[:threads])
        with open(os.path.join(out, "timing.csv"), newline="") as file:
            rate = float(next(csv.DictReader(file))["replicates_per_second"])
        with open(os.path.join(out, "variance.csv"), newline="") as file:
            rows = {row["estimator"]: row for row in csv.DictReader(file) if row["block"] == "all"}
        return rate, rows

    def training(self, K, steps, rate, generator):
        """Microseconds a step of Adam takes on logistic regression, and the ELBO at the end."""
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

    def c(self, model, generator, estimators, replicates, K, size):
        """`size` is D of the Gaussian model, the data of logistic regression."""
        name = "all" if len(estimators) > 1 else estimators[0]
        return pairs(run([FLOOR, model, generator, name, replicates, K, size], self.core))

    def c_training(self, steps, rate, generator):
        """As `training`, with K = 10."""
        out = pairs(run([FLOOR, "adam", generator, steps, rate, DATA], self.core))
        return out["microseconds_per_step"], out["elbo"]

    def digits(self):
        """The first 1700 of the digits, 17 minibatches of 100, as numbers from 0 to 1: both programs read the same file."""
        path = os.path.join(self.work, "digits.csv")
        if not os.path.exists(path):
            with open(DIGITS, newline="") as source, open(path, "w", newline="") as file:
                rows, writer = csv.reader(source), csv.writer(file, lineterminator="\n")
                writer.writerow(next(rows)[:64])
                writer.writerows([int(pixel) / 16 for pixel in row[:64]] for row, _ in zip(rows, range(1700)))
        return path

    def epoch(self, epochs):
        """Milliseconds of wall and of processor time that an epoch of an auto-encoder takes: so many of them more than in a
        training of half as many, so that neither the start nor the bounds at both ends count."""
        spec, out, report = (os.path.join(self.work, name) for name in ("vae.json", "vae", "report"))
        half, spent = max(1, epochs // 2), []
        for count in (half, half + epochs):
            with open(spec, "w") as file:
                json.dump({
                    "kind": "training", "name": "vae", "seed": 1, "family": "mean-field-normal", "samples": 1,
                    "model": {"id": "vae", "options": {"data": self.digits(), "test_share": 0}},
                    "optimizer": {"id": "adam", "options": {"learning_rate": 0.001}}, "epochs": count,
                    "evaluate": {"every": count, "draws": 2}, "outputs": {"epochs": []},
                    "estimators": ["analytic-kl"]}, file)
            spent.append(run([self.workbench, "run", spec, "--threads", 1, "--out", out], self.core, report))
        with open(os.path.join(out, "manifest.json")) as file:
            self.blas = json.load(file)["versions"]["blas"]
        return tuple(1e3 * (spent[1][name] - spent[0][name]) / epochs for name in ("wall_seconds", "processor_seconds"))

    def jax_epoch(self, epochs):
        """The same in JAX, compiled before the clock starts."""
        found = pairs(run([PYTHON, HERE / "peers/jax_vae.py", self.digits(), "--epochs", epochs], self.core))
        return found["milliseconds_per_epoch"], found["processor_milliseconds_per_epoch"]

    @staticmethod
    def peer_command(peer, model, D, K, replicates, data=DATA):
        mean, log_scale = POINT[model]
        return [
            PYTHON, HERE / f"peers/{peer}_variance.py", model, "--data", data, "--dimension", D, "--samples", K,
            "--replicates", replicates, "--mean", mean, "--log-scale", log_scale]

    def peer_rate(self, *arguments, **named):
        """Draws a second, the interpreter's start and compilation excluded."""
        return pairs(run([*self.peer_command(*arguments, **named), "--rate"], self.core))["rate"]


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


def package_version(package):
    return tried([PYTHON, "-c", f"import {package}; print({package}.__version__)"])


def brings_cuda(requirement):
    """Whether pip would install CUDA with it: gigabytes that a measurement on processors does not use."""
    report = HERE / ".venv/plan.json"
    plan = [PYTHON, "-m", "pip", "install", "--quiet", "--dry-run", "--report", report, requirement]
    if subprocess.run([str(word) for word in plan], stderr=subprocess.DEVNULL).returncode:
        return False
    return any(item["metadata"]["name"].startswith("nvidia") for item in json.loads(report.read_text())["install"])


def install(wanted, even_cuda=()):
    """Those of the wanted packages that can be imported in Benchmarks/.venv, after an attempt to install the others."""
    missing = [package for package in wanted if not package_version(package)]
    if missing:
        note(f"installs {', '.join(missing)} in Benchmarks/.venv")
    if missing and not PYTHON.exists() and subprocess.run([sys.executable, "-m", "venv", HERE / ".venv"]).returncode:
        missing = []
    for package in missing:
        if package == "torch" and package not in even_cuda and brings_cuda(PACKAGES[package]):
            note("PyTorch would come with CUDA, which is gigabytes: '--peers jax numpy torch' takes it all the same")
            continue
        subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGES[package]])
    found = [package for package in wanted if package_version(package)]
    for package in wanted:
        if package not in found:
            note(f"{NAMES.get(package, package)} is not installed: what needs it is left out")
    return found
