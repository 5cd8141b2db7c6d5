#!/bin/sh
# The example of a plug-in builds, conforms, and measures with its own components from a spec.
set -eu
package=Examples/PluginEstimator
swift build --package-path "$package" --build-tests
swift test --package-path "$package" --skip-build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tool="$(swift build --package-path "$package" --show-bin-path)/plugin-workbench"
"$tool" run "$package/Experiments/fixed-baseline.json" --out "$work/results" >"$work/table" 2>"$work/messages" || {
  cat "$work/messages" >&2
  exit 1
}
rows=$(grep -c '^exponential-rate,mean-field-normal,elbo,iid,fixed-baseline:value=-30,' "$work/results/variance.csv")
# Two points, two K, three blocks.
[ "$rows" -eq 12 ] || { echo "plug-in test: $rows rows of fixed-baseline in place of 12" >&2; exit 1; }
echo "plug-in test: Examples/PluginEstimator builds, conforms, and runs a spec"
