"""The workbench's `variance` in numpy: gradients derived by hand, chunks that fit the cache, SFC64 and its ziggurat.

It keeps means and squared deviations, no more.
"""
import math

import numpy as np
from common import LOG_2PI, Problem, main


def prepare(problem):
    K, D = problem.samples, problem.dimension
    mean, scale, entropy = problem.mean, np.exp(problem.log_scale), problem.log_scale.sum()
    lanes = max(1, 32768 // (K * D) if problem.model == "gaussian" else 240 // K)

    def likelihood(z):
        """Values `[B, K]` and gradients `[B, K, D]`."""
        if problem.model == "gaussian":
            r = problem.x - z
            constant = 0.5 * D * (math.log(problem.precision) - LOG_2PI)
            return constant - 0.5 * problem.precision * np.einsum("bkd,bkd->bk", r, r), problem.precision * r
        eta = z.reshape(-1, D) @ problem.X.T
        part = np.exp(-np.abs(eta))
        value = eta @ problem.y - (np.maximum(eta, 0) + np.log1p(part)).sum(1)
        residual = problem.y - np.where(eta >= 0, 1, part) / (1 + part)
        return value.reshape(z.shape[:2]), (residual @ problem.X).reshape(z.shape)

    def run(seed):
        random = np.random.Generator(np.random.SFC64(seed))
        count, means, squares = 0, np.zeros((3, 2 * D)), np.zeros((3, 2 * D))
        while count < problem.replicates:
            B = min(lanes, problem.replicates - count)
            noise = random.standard_normal((B, K, D))
            z = mean + scale * noise
            value, gradient = likelihood(z)
            f = value + entropy - 0.5 * (np.einsum("bkd,bkd->bk", z, z) - np.einsum("bkd,bkd->bk", noise, noise))
            g = np.empty((3, B, 2 * D))
            weighted = f[:, :, None] * noise
            g[0, :, :D] = weighted.mean(1) / scale
            g[0, :, D:] = (weighted * noise).mean(1) - f.mean(1)[:, None]
            g[2, :, :D] = gradient.mean(1) - mean
            g[2, :, D:] = (gradient * noise).mean(1) * scale - (scale * scale - 1)
            gradient -= z
            g[1, :, :D] = gradient.mean(1)
            g[1, :, D:] = (gradient * noise).mean(1) * scale + 1
            own = g.mean(1)
            g -= own[:, None]
            delta, total = own - means, count + B
            squares += np.einsum("ebp,ebp->ep", g, g) + delta * delta * (count * B / total)
            means += delta * (B / total)
            count = total
        return count, means, squares

    return run


if __name__ == "__main__":
    main(Problem(), prepare)
