"""The workbench's `variance` in PyTorch: autograd over a batch of replicates, each with its own copy of the parameters.

It keeps means and squared deviations, no more.
"""
import math

import torch
import torch.nn.functional as F
from common import LOG_2PI, Problem, main

torch.set_default_dtype(torch.float64)


def log_normal(z, mean, log_scale):
    return (-0.5 * ((z - mean) * torch.exp(-log_scale)) ** 2 - log_scale - 0.5 * LOG_2PI).sum(-1)


def log_likelihood(problem):
    if problem.model == "gaussian":
        x, log_noise = torch.as_tensor(problem.x), torch.tensor(-0.5 * math.log(problem.precision))
        return lambda z: log_normal(x, z, log_noise)
    signed = (torch.as_tensor(problem.X) * torch.as_tensor(2 * problem.y - 1)[:, None]).T.contiguous()
    return lambda z: F.logsigmoid(z @ signed).sum(-1)


def surrogates(problem):
    """Functions of mean, log_scale `[B, D]` and noise `[K, B, D]`: a value for each replicate, its gradient the estimate."""
    likelihood, zero = log_likelihood(problem), torch.zeros(())

    def score(mean, log_scale, noise):
        z = (mean + torch.exp(log_scale) * noise).detach()
        log_q = log_normal(z, mean, log_scale)
        return ((likelihood(z) + log_normal(z, zero, zero) - log_q).detach() * log_q).mean(0)

    def reparam(mean, log_scale, noise):
        z = mean + torch.exp(log_scale) * noise
        return (likelihood(z) + log_normal(z, zero, zero) - log_normal(z, mean, log_scale)).mean(0)

    def analytic_kl(mean, log_scale, noise):
        z = mean + torch.exp(log_scale) * noise
        return likelihood(z).mean(0) - 0.5 * (torch.exp(2 * log_scale) + mean**2 - 1 - 2 * log_scale).sum(-1)

    return [score, reparam, analytic_kl]


def prepare(problem):
    K, D, estimators = problem.samples, problem.dimension, surrogates(problem)
    lanes = max(1, 32768 // (K * D) if problem.model == "gaussian" else 250 // K)
    mean, log_scale = torch.as_tensor(problem.mean), torch.as_tensor(problem.log_scale)

    def run(seed):
        torch.manual_seed(seed)
        count, means, squares = 0, torch.zeros(3, 2 * D), torch.zeros(3, 2 * D)
        while count < problem.replicates:
            B = min(lanes, problem.replicates - count)
            noise = torch.randn(K, B, D)
            own, squared = [], []
            for surrogate in estimators:
                point = [p.expand(B, D).clone().requires_grad_() for p in (mean, log_scale)]
                # Replicates are independent: the gradient of the sum is the gradient of each.
                g = torch.cat(torch.autograd.grad(surrogate(*point, noise).sum(), point), 1)
                own.append(g.mean(0))
                squared.append(((g - own[-1]) ** 2).sum(0))
            delta, total = torch.stack(own) - means, count + B
            squares += torch.stack(squared) + delta**2 * (count * B / total)
            means += delta * (B / total)
            count = total
        return count, means, squares

    return run


if __name__ == "__main__":
    main(Problem(), prepare)
