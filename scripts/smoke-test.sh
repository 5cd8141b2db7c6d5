#!/bin/sh
# Release and debug builds write the same bytes, on one thread and on two: $1 and $2 are the two executables.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for build in "$1" "$2"; do
  for threads in 1 2; do
    "$build" variance --estimator all --model logistic-regression:minibatch=100 --samples 1 3 --replicates 3000 \
      --diagnostics --correlations --threads "$threads" --out "$work/variance" >/dev/null 2>&1
    "$build" elbo --estimator reparam score:baseline=moving-average --model logistic-regression:minibatch=100 \
      --samples 3 --steps 100 --runs 3 --optimizer adam sgd:schedule=cosine,learning_rate=1e-4 --save-parameters 0 100 \
      --threads "$threads" --out "$work/curves" >/dev/null 2>&1
    mkdir -p "$work/out"
    cp "$work"/variance/*.csv "$work/out/"
    cp "$work"/curves/*.csv "$work/out/"
    for file in variance coordinates comparison diagnostics correlations eigenvalues elbo band ranking parameters; do
      cmp "$work/out/$file.csv" "$work/first-$file.csv" 2>/dev/null || {
        [ ! -e "$work/first-$file.csv" ] || { echo "smoke test: $build on $threads threads writes another $file.csv" >&2; exit 1; }
        cp "$work/out/$file.csv" "$work/first-$file.csv"
      }
    done
  done
done
echo "smoke test: release and debug builds write the same bytes on 1 and 2 threads"
