"""Draws scaling.csv: plot.py scaling.csv scaling.svg, with matplotlib. The same figures give the same bytes."""
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from scaling import AXES, curves, slope  # noqa: E402

# Colours of Okabe and Ito, told apart by most eyes; a dash tells the program too.
STYLES = {
    "workbench mt19937": ("#0072B2", "-", "o"),
    "workbench xoshiro256x8": ("#D55E00", "-", "s"),
    "C mt19937": ("#0072B2", "--", "v"),
    "C xoshiro256x8": ("#D55E00", "--", "^"),
    "JAX": ("#555555", ":", "D"),
}
LABELS = {"replicates": "replicates R", "dimension": "dimension D", "samples": "draws an estimate K"}
HELD = {
    ("gaussian", "replicates"): "D = 10, K = 1", ("gaussian", "dimension"): "K = 1, R = 10⁴",
    ("gaussian", "samples"): "D = 10, R = 10³", ("logistic", "replicates"): "569 × 31, K = 1",
    ("logistic", "dimension"): "569 × D, K = 1, R = 10⁴", ("logistic", "samples"): "569 × 31, R = 10³"}
TITLES = {"gaussian": "Conjugate Gaussian", "logistic": "Logistic regression"}


def panel(axes, model, axis, found):
    for system, (colour, dash, marker) in STYLES.items():
        curve = found.get((model, axis, system))
        if not curve:
            continue
        sizes = [float(row["value"]) for row in curve]
        middle, low, high = ([float(row[c]) for row in curve] for c in ("seconds", "seconds_min", "seconds_max"))
        fit = slope(curve)
        axes.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(
            sizes, middle, color=colour, linestyle=dash, marker=marker, markersize=3.5, linewidth=1.3,
            markerfacecolor="white" if dash == "--" else colour,
            label=system if fit is None else f"{system}: {fit:.2f}")
    axes.set(xscale="log", yscale="log", xlabel=LABELS[axis])
    axes.set_title(f"{TITLES[model]}, {HELD[model, axis]}", fontsize=8.5)
    axes.grid(True, which="major", color="#dddddd", linewidth=0.6)
    axes.minorticks_off()
    # Room above the curves for the legend.
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * (high / low) ** 0.35)
    axes.legend(title="slope", title_fontsize=6.5, fontsize=6.5, loc="upper left", frameon=False, labelspacing=0.25)


def main(source, target):
    plt.rcParams.update({
        "svg.hashsalt": "scaling", "svg.fonttype": "none", "font.size": 8, "axes.spines.top": False,
        "axes.spines.right": False, "font.family": "sans-serif"})
    found = curves(source)
    figure, grid = plt.subplots(2, 3, figsize=(11, 7), layout="constrained")
    for model, row in zip(TITLES, grid):
        for axis, axes in zip(AXES, row):
            panel(axes, model, axis, found)
        row[0].set_ylabel("wall time / s")
    # A white ground: dark text stays readable on a dark page.
    figure.savefig(target, facecolor="white", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
