"""What the peers' scripts share: arguments, data, and the point that is measured at."""
import argparse
import time

import numpy as np

ESTIMATORS = ["score", "reparam", "analytic-kl"]
LOG_2PI = float(np.log(2 * np.pi))


class Problem:
    """z ~ N(0, I) and a likelihood: normal (mean z, noise 0.5, x = 1.5) or logistic regression."""

    def __init__(self):
        parser = argparse.ArgumentParser(description="Variances of three estimators, draws shared.")
        parser.add_argument("model", choices=["gaussian", "logistic"])
        parser.add_argument("--dimension", type=int, default=100, help="of the Gaussian model")
        parser.add_argument("--data", help="of logistic regression: CSV, the last column the target")
        parser.add_argument("--samples", type=int, default=10)
        parser.add_argument("--replicates", type=int, default=10000)
        parser.add_argument("--mean", type=float, default=0.0)
        parser.add_argument("--log-scale", type=float, default=0.0)
        parser.add_argument("--rate", action="store_true", help="run twice and time the second run")
        for name, value in vars(parser.parse_args()).items():
            setattr(self, name, value)
        if self.model == "logistic":
            table = np.genfromtxt(self.data, delimiter=",", skip_header=1)
            x, self.y = table[:, :-1], table[:, -1]
            x = (x - x.mean(0)) / x.std(0)
            self.X = np.ascontiguousarray(np.concatenate([x, np.ones((len(x), 1))], 1))
            self.dimension = self.X.shape[1]
        else:
            self.x, self.precision = np.full(self.dimension, 1.5), 4.0
        self.mean = np.full(self.dimension, self.mean)
        self.log_scale = np.full(self.dimension, self.log_scale)


def main(problem, prepare):
    """`prepare(problem)` gives a function of a seed that returns replicates, means and squared deviations."""
    run = prepare(problem)
    if problem.rate:
        run(0)
    start = time.perf_counter()
    count, mean, squares = run(1)
    seconds = time.perf_counter() - start
    print(f"rate {count * problem.samples / seconds:.9g}")
    for name, row in zip(ESTIMATORS, squares):
        print(f"variance:{name} {row.sum() / (count - 1):.9g}")
