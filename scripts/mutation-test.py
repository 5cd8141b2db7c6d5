#!/usr/bin/env python3
"""Removes or alters one term of a formula at a time, and sees whether a test fails.

  scripts/mutation-test.py [NAME...]     all formulae, or those whose name contains a NAME

Works on a copy of what is committed, in .build/mutation. Takes half a minute a formula; exit status 1 where a change survives.
"""
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = ROOT / ".build/mutation"

# Name, file, what stands there, what it becomes, and the tests that should see it.
FORMULAE = [
    ("score of log_scale: ε² − 1 without the 1", "CKernels/mean_field_normal.c",
     "fma8(e, e, all8(-1))", "e * e", "ConjugateGaussianTests"),
    ("score of the mean: ε/σ without σ", "CKernels/mean_field_normal.c",
     "first * scale, n)", "first, n)", "CostFunctionTests"),
    ("pullback: ∂z/∂log σ without σ", "CKernels/mean_field_normal.c",
     "(factor * scale) * second", "factor * second", "CostFunctionTests"),
    ("∇_z of −log q: ε/σ without the sign of log σ", "CKernels/mean_field_normal.c",
     "exp8(all8(-log_scale[d]))", "exp8(all8(log_scale[d]))", "ConjugateGaussianTests"),
    ("−log q: ε²/2 altered", "CKernels/mean_field_normal.c",
     "fma8(0.5 * e_, e_, sum)", "fma8(0.4 * e_, e_, sum)", "ConjugateGaussianTests"),
    ("closed-form prior: σ² becomes σ", "CKernels/mean_field_normal.c",
     "(s * s) * precision", "s * precision", "ConjugateGaussianTests"),
    ("log density of a normal: without ½", "CKernels/mean_field_normal.c",
     "(-0.5 * precision[d]) * r_", "(-precision[d]) * r_", "ConjugateGaussianTests"),
    ("leave-one-out: divided by K in place of K − 1", "Estimators/ScoreFunction.swift",
     "1 / Double(samples - 1)", "1 / Double(samples)", "ConjugateGaussianTests"),
    ("score: the closed-form terms left out", "Estimators/ScoreFunction.swift",
     "of: problem.terms.intersection(split.closedForm)", "of: []", "ConjugateGaussianTests"),
    ("optimal baseline: 2 E∂² becomes E∂²", "VariationalFamilies/MeanFieldNormal.swift",
     "+= 2 * moments.second[i] + 0.5", "+= moments.second[i] + 0.5", "ConjugateGaussianTests"),
    ("SGVB-A: without the entropy's own dependence on λ", "Estimators/Reparameterization.swift",
     "if problem.terms.subtracting(split.closedForm).contains(.entropy) {", "if false {", "ConjugateGaussianTests"),
    ("sticking the landing: 1/K left out", "Estimators/StickingTheLanding.swift",
     "factor: 1 / Double(block.shape.samples)", "factor: 1", "ConjugateGaussianTests"),
    ("Poisson regression: y t − e^t with the sign turned", "CKernels/regression.h",
     "fma8(y, *t, -mean)", "fma8(y, *t, mean)", "PoissonRegressionTests"),
    ("autoregression: an innovation does not move its neighbour", "CKernels/autoregressive.c",
     "left[l] += coefficient * e;", "left[l] += 0 * e;", "CorrelatedGaussianTests"),
    ("E cos: damping e^{−t²/2} becomes e^{−t²}", "LatentModels/CosineCost.swift",
     "exp(-0.5 * t * t)", "exp(-t * t)", "CostFunctionTests|SeparableCostTests"),
    ("Adam: second moment without bias correction", "Optimization/Adam.swift",
     "1 - state.power2", "1", "OptimizerTests"),
    ("weak derivative in the mean: without 1/√(2π)", "VariationalFamilies/MeanFieldNormal+Parts.swift",
     "wb_exp(-scale) / (2 * Double.pi).squareRoot()", "wb_exp(-scale)", "MeasureValuedTests"),
    ("Rayleigh: √(−2 log U) without the 2", "VariationalFamilies/MeanFieldNormal+Parts.swift",
     "up[i] = (-2 * wb_log(up[i])).squareRoot()", "up[i] = (-wb_log(up[i])).squareRoot()", "MeasureValuedTests"),
    ("Price: ½ ∂²f without the ½", "Estimators/BonnetPrice.swift",
     "diagonalHessian(of: term), 0.5 * factor", "diagonalHessian(of: term), factor", "BonnetPriceTests"),
    ("control variate: E t without its curvature", "VariationalFamilies/MomentFamily.swift",
     "half = 0.5 * t.curvature[i * d + i]", "half = 0.0", "ControlVariateTests"),
    ("learned quadratic: B not symmetric", "Estimators/QuadraticRegression.swift",
     "0.5 * (slopes[i * d + j] + slopes[j * d + i])", "slopes[i * d + j]", "LearnedQuadraticTests"),
    ("full-rank normal: E t without H's last column", "VariationalFamilies/FullRankNormal.swift",
     "for k in j + 1..<max(j + 1, d) { sum += t.", "for k in j + 1..<max(j + 1, d - 1) { sum += t.",
     "LearnedQuadraticTests"),
    ("central differences: 2h becomes h", "Estimators/FiniteDifferences.swift",
     "factor: 1 / (2 * step *", "factor: 1 / (step *", "FiniteDifferencesTests"),
    ("score of a Cholesky factor: without −1", "VariationalFamilies/FullRankNormal.swift",
     "y * draw.noise[i] * draw.prepared[i] - 1", "y * draw.noise[i] * draw.prepared[i]", "DenseNormalTests|FamilyLawTests"),
    ("coupling: the derivative of Σ s left out of that of the inverse", "VariationalFamilies/AffineCoupling.swift",
     "(1 - slope[i] * tape.stretched[m])", "(0 - slope[i] * tape.stretched[m])", "FamilyLawTests"),
    ("coupling: the log determinant left out of the score", "VariationalFamilies/AffineCoupling.swift",
     "tape.stretched[m] + weight)", "tape.stretched[m])", "FamilyLawTests"),
    ("RSVI: the correction without ½/c", "VariationalFamilies/GammaDerivative.swift",
     "(0.5 - (v - 1) / v) / c", "(0 - (v - 1) / v) / c", "GammaVarianceTests"),
    ("G-REP: the correction without the bend", "VariationalFamilies/GammaDerivative.swift",
     "(row.shape - y) * logarithmic + bend", "(row.shape - y) * logarithmic", "GammaVarianceTests|GammaFamiliesTests"),
]


def say(text):
    print(text, flush=True)


def run(*command):
    return subprocess.run(command, cwd=COPY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def prepare():
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    if not COPY.exists():
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(COPY)], check=True)
    subprocess.run(["git", "fetch", "--quiet", "origin"], cwd=COPY, check=True)
    subprocess.run(["git", "checkout", "--quiet", "--force", head.stdout.strip()], cwd=COPY, check=True)


def build():
    done = run("swift", "build", "--build-tests")
    return None if done.returncode == 0 else done.stdout


def fails(tests):
    """Whether one of the tests fails; None where none was run."""
    done = run("swift", "test", "--skip-build", "--filter", tests)
    if "Test run with 0 tests" in done.stdout or "Test run with" not in done.stdout:
        return None if done.returncode == 0 else True
    return done.returncode != 0


def main(names):
    chosen = [f for f in FORMULAE if not names or any(name in f[0] for name in names)]
    prepare()
    say(f"mutation: {len(chosen)} formulae; builds what is committed first")
    errors = build()
    if errors:
        sys.exit(errors)
    tests = sorted({f[4] for f in chosen})
    for which in tests:
        if fails(which) is not False:
            sys.exit(f"mutation: '{which}' does not pass, or names no test, before anything is changed")
    survivors = 0
    for name, file, old, new, which in chosen:
        path, started = COPY / "Sources" / file, time.monotonic()
        text = path.read_text()
        if old not in text:
            say(f"  STALE     {name}: '{old}' is not in {file}")
            survivors += 1
            continue
        path.write_text(text.replace(old, new, 1))
        try:
            errors = build()
            seen = errors is None and fails(which)
        finally:
            path.write_text(text)
        verdict = "NO BUILD" if errors else "seen" if seen else "SURVIVES"
        survivors += verdict != "seen"
        say(f"  {verdict:9} {name} ({file}; {which}; {time.monotonic() - started:.0f} s)")
    say(f"mutation: {len(chosen) - survivors} of {len(chosen)} changes seen by a test")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
