"""The workbench's `variance` in JAX: gradients by jit and vmap, a scan over chunks, float64.

It keeps means and squared deviations, no more. The softplus is written out: jax.nn.softplus takes 2.5 times as long.
"""
import math

import jax
import jax.numpy as jnp
from common import LOG_2PI, Problem, main

jax.config.update("jax_enable_x64", True)


def log_normal(z, mean, scale):
    return (-0.5 * ((z - mean) / scale) ** 2 - jnp.log(scale) - 0.5 * LOG_2PI).sum(-1)


def log_likelihood(problem):
    if problem.model == "gaussian":
        x, noise = jnp.asarray(problem.x), 1 / math.sqrt(problem.precision)
        return lambda z: log_normal(x, z, noise)
    X, y = jnp.asarray(problem.X), jnp.asarray(problem.y)

    def of(z):
        eta = z @ X.T
        return eta @ y - (jnp.maximum(eta, 0) + jnp.log1p(jnp.exp(-jnp.abs(eta)))).sum(-1)

    return of


def surrogates(problem):
    """Functions of (mean, log_scale) and noise `[K, D]` whose gradients are the estimates."""
    likelihood, stop = log_likelihood(problem), jax.lax.stop_gradient

    def score(p, noise):
        mean, scale = p[0], jnp.exp(p[1])
        z = stop(mean + scale * noise)
        log_q = log_normal(z, mean, scale)
        return (stop(likelihood(z) + log_normal(z, 0.0, 1.0) - log_q) * log_q).mean()

    def reparam(p, noise):
        mean, scale = p[0], jnp.exp(p[1])
        z = mean + scale * noise
        return (likelihood(z) + log_normal(z, 0.0, 1.0) - log_normal(z, mean, scale)).mean()

    def analytic_kl(p, noise):
        mean, log_scale = p
        z = mean + jnp.exp(log_scale) * noise
        return likelihood(z).mean() - 0.5 * (jnp.exp(2 * log_scale) + mean**2 - 1 - 2 * log_scale).sum()

    return [score, reparam, analytic_kl]


def prepare(problem):
    K, D = problem.samples, problem.dimension
    lanes = max(1, min(problem.replicates, 65536 // (K * D) if problem.model == "gaussian" else 500 // K))
    chunks = max(1, problem.replicates // lanes)
    point = (jnp.asarray(problem.mean), jnp.asarray(problem.log_scale))
    gradients = [jax.vmap(jax.grad(f), (None, 0)) for f in surrogates(problem)]

    @jax.jit
    def run(key):
        def chunk(carry, key):
            count, mean, squares = carry
            noise = jax.random.normal(key, (lanes, K, D), jnp.float64)
            g = jnp.stack([jnp.concatenate(gradient(point, noise), 1) for gradient in gradients])
            own = g.mean(1)
            delta, total = own - mean, count + lanes
            squares += ((g - own[:, None]) ** 2).sum(1) + delta**2 * (count * lanes / total)
            return (total, mean + delta * (lanes / total), squares), None

        zeros = jnp.zeros((len(gradients), 2 * D))
        return jax.lax.scan(chunk, (0.0, zeros, zeros), jax.random.split(key, chunks))[0]

    return lambda seed: jax.block_until_ready(run(jax.random.key(seed)))


if __name__ == "__main__":
    main(Problem(), prepare)
