#!/usr/bin/env python3
"""Writes Tests/CKernelsTests/GammaReference.swift: P(a, x) and dx/da = -(dP/da)/p(x) at 60 digits, by mpmath (PyPI).

    python3 -m pip install mpmath==1.3.0
    python3 scripts/gamma-implicit-reference.py > Tests/CKernelsTests/GammaReference.swift

dP/da is the derivative of a power series of positive terms, summed at 60 digits more than the sum loses.
"""
from mpmath import mp, mpf, digamma, loggamma, exp, log, gammainc, sqrt

SHAPES = ["0.01", "0.05", "0.3", "0.5", "0.9", "1", "1.5", "2", "5", "10", "30", "99.5", "100", "1000", "10000", "100000"]
# In deviations of log x for small shapes, of x for large ones.
OFFSETS = [-6, -3, -1, "-0.25", 0, "0.25", 1, 3, 6]


def point(a, offset):
    """A double at about so many deviations from the mean."""
    offset = mpf(offset)
    if a < 20:
        x = a * exp(offset / sqrt(a) if offset < 0 else offset / 2 / max(1, sqrt(a)))
        if offset < 0 and x < mpf("1e-290"):
            x = mpf("1e-290")
    else:
        x = a * (1 + offset / (3 * sqrt(a)) - 1 / (9 * a)) ** 3
    return mpf(float(x))


def series(a, x):
    """S = sum of x^n / (a + 1)_n, and dS/da."""
    term, slope, total, change, n = mpf(1), mpf(0), mpf(1), mpf(0), 0
    while n < 10 or abs(term) * (1 + abs(slope)) > total * mpf(10) ** (-mp.dps):
        n += 1
        term *= x / (a + n)
        slope -= 1 / (a + n)
        total += term
        change += term * slope
    return total, change


print("// Made by scripts/gamma-implicit-reference.py.")
print("/// a, x, P(a, x) and -(dP/da)/p(x), to 17 digits.")
print("let gammaReference: [(a: Double, x: Double, p: Double, slope: Double)] = [")
for shape in SHAPES:
    for offset in OFFSETS:
        mp.dps = 60
        a = mpf(float(shape))
        x = point(a, offset)
        mp.dps = 60 + int(x / 2) % 400 + (200 if x > 400 else 0)
        total, change = series(a, x)
        prefactor = exp(a * log(x) - x - loggamma(a + 1))
        p = prefactor * total
        slope = -(x / a) * ((log(x) - digamma(a + 1)) * total + change)
        mp.dps = 30
        print(f"  ({float(a)!r}, {float(x)!r}, {mp.nstr(p, 17)}, {mp.nstr(slope, 17)}),")
print("]")
