"""Kind `training` of the workbench in JAX: a variational auto-encoder by jit, a scan over an epoch's minibatches, float64.

The model of the workbench's `vae` on numbers from 0 to 1: Bernoulli likelihood, N(0, I), q(z) = N(mean, diag exp(2 log_scale)) by an
encoder of one hidden layer of tanh, the divergence in closed form, Adam. Weights are Glorot's, the encoder's last biases 0.
"""
import argparse
import functools
import time

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def arguments():
    parser = argparse.ArgumentParser(description="Trains a variational auto-encoder.")
    parser.add_argument("data", help="CSV with a header, the numbers of a datum a row")
    parser.add_argument("--test", action="store_true", help="hold out a fifth, by --seed, and print both bounds")
    parser.add_argument("--latent", type=int, default=10)
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--minibatch", type=int, default=100)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--draws", type=int, default=10, help="of a datum, for the bounds")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def dense(key, inputs, outputs):
    limit = (6 / (inputs + outputs)) ** 0.5
    return [jax.random.uniform(key, (inputs, outputs), jnp.float64, -limit, limit), jnp.zeros(outputs)]


def initial(key, d, latent, hidden):
    keys = jax.random.split(key, 4)
    sizes = [(d, hidden), (hidden, 2 * latent), (latent, hidden), (hidden, d)]
    return [dense(key, *size) for key, size in zip(keys, sizes)]


def bound(parameters, x, noise):
    """The mean over data of E_q[log p(x | z)] by one draw, less KL(q ‖ p)."""
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = parameters
    mean, log_scale = jnp.split(jnp.tanh(x @ w1 + b1) @ w2 + b2, 2, axis=1)
    z = mean + jnp.exp(log_scale) * noise
    logits = jnp.tanh(z @ w3 + b3) @ w4 + b4
    softplus = jnp.maximum(logits, 0) + jnp.log1p(jnp.exp(-jnp.abs(logits)))
    divergence = 0.5 * (jnp.exp(2 * log_scale) + mean**2 - 1 - 2 * log_scale)
    return ((x * logits - softplus).sum(1) - divergence.sum(1)).mean()


def step(a, carry, batch):
    parameters, first, second, t = carry
    x, noise = batch
    gradient = jax.grad(bound)(parameters, x, noise)
    t = t + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    ascend = lambda p, m, v: p + a.rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return (jax.tree.map(ascend, parameters, first, second), first, second, t), None


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def epoch(a, carry, x, key):
    order, draws = jax.random.split(key)
    x = x[jax.random.permutation(order, len(x))]
    noise = jax.random.normal(draws, (len(x), a.latent), jnp.float64)
    whole = len(x) // a.minibatch * a.minibatch
    batches = tuple(v[:whole].reshape(-1, a.minibatch, v.shape[1]) for v in (x, noise))
    carry, _ = jax.lax.scan(functools.partial(step, a), carry, batches)
    if whole < len(x):
        carry, _ = step(a, carry, (x[whole:], noise[whole:]))
    return carry


class Settings(argparse.Namespace):
    __hash__ = object.__hash__


if __name__ == "__main__":
    a = Settings(**vars(arguments()))
    data = np.loadtxt(a.data, delimiter=",", skiprows=1)
    held = np.zeros(len(data), bool)
    if a.test:
        held[np.random.default_rng(a.seed).permutation(len(data))[: round(len(data) / 5)]] = True
    x, test = jnp.asarray(data[~held]), jnp.asarray(data[held])
    key = jax.random.key(a.seed)
    start = initial(key, x.shape[1], a.latent, a.hidden)
    zeros = lambda: jax.tree.map(jnp.zeros_like, start)
    # Compiled before the clock starts.
    copy = jax.tree.map(jnp.copy, start)
    jax.block_until_ready(epoch(a, (copy, zeros(), zeros(), 0.0), x, key))
    carry, begun = (start, zeros(), zeros(), 0.0), (time.perf_counter(), time.process_time())
    for n in range(a.epochs):
        carry = epoch(a, carry, x, jax.random.fold_in(key, n))
    jax.block_until_ready(carry)
    spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
    for name, seconds in zip(("milliseconds_per_epoch", "processor_milliseconds_per_epoch"), spent):
        print(f"{name} {1e3 * seconds / a.epochs:.4g}")
    if a.test:
        for name, part in (("train", x), ("test", test)):
            noise = jax.random.normal(jax.random.fold_in(key, a.epochs), (a.draws, len(part), a.latent), jnp.float64)
            values = jax.vmap(lambda e: bound(carry[0], part, e))(noise)
            print(f"{name}_bound {values.mean():.5f}")
