#!/bin/sh
# Counts what a measurement allocates for each block of replicates more, each chunk more, and each step of a training
# more: $1 is a release build. Each count has a limit, what it was when last lowered; the aim is 0 for blocks and steps.
# glibc only: elsewhere it says so and passes nothing off as counted.
set -eu
workbench=$1
here=$(dirname "$0")
[ "$(uname)" = Linux ] && getconf GNU_LIBC_VERSION >/dev/null 2>&1 || {
  echo "allocation test: not counted, for this system has no glibc"
  exit 0
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Swift brings a C compiler; a system compiler need not be there.
compiler=${CC:-$(command -v cc || echo "$(dirname "$(readlink -f "$(command -v swift)")")/clang")}
"$compiler" -O2 -shared -fPIC "$here/count-allocations.c" -o "$work/count.so"

# Allocations of the run that the arguments describe.
count() {
  rm -f "$work/count"
  ALLOCATIONS="$work/count" LD_PRELOAD="$work/count.so" "$workbench" "$@" --threads 1 --format csv >/dev/null 2>"$work/errors" || {
    cat "$work/errors" >&2
    echo "allocation test: $* failed" >&2
    exit 70
  }
  cat "$work/count"
}

failed=0
# limit, unit, how many units the second size has more, option of the size, the two sizes, command
compare() {
  limit=$1 unit=$2 more=$3 option=$4 small=$5 large=$6
  shift 6
  first=$(count "$@" "$option" "$small")
  second=$(count "$@" "$option" "$large")
  # Longer numbers in the output cost a few: rounded.
  each=$(((second - first + more / 2) / more))
  printf '%5d a %s (limit %d): %s\n' "$each" "$unit" "$limit" "$*"
  [ "$each" -le "$limit" ] || failed=1
}

# Blocks have 32 replicates at these K and D, and a chunk has 1024.
blocks() {
  limit=$1
  shift
  compare "$limit" block 28 --replicates 128 1024 variance "$@"
}
three="score reparam analytic-kl"
# shellcheck disable=SC2086
{
  # Room for the tails doubles a few times within the first chunk: with three estimators that rounds to one.
  blocks 0 --estimator score --model gaussian:dimension=100 --samples 50
  blocks 0 --estimator reparam --model gaussian:dimension=100 --samples 50
  blocks 1 --estimator analytic-kl --model gaussian:dimension=100 --samples 50
  blocks 2 --estimator $three --model gaussian:dimension=100 --samples 50
  blocks 1 --estimator $three --model logistic-regression:minibatch=32 --samples 140
  for sampling in antithetic latin-hypercube sobol halton:randomization=shift halton; do
    blocks 0 --estimator reparam --model gaussian:dimension=40 --samples 128 --sampling $sampling
  done
  for estimator in score arm local-expectation muprop concrete rebar relax; do
    blocks 0 --estimator $estimator --model bernoulli-toy:target=0.6x0.51x0.48 --family bernoulli --samples 200
  done
  blocks 0 --estimator unordered-set --model bernoulli-toy:target=0.6x0.51x0.48 --family tied-bernoulli --samples 4
  blocks 1 --estimator dreg --model gaussian --objective iwae --samples 200
  compare 72 chunk 20 --replicates 1024 21504 variance --estimator $three --model gaussian:dimension=10
  for model in gaussian:dimension=10 logistic-regression:minibatch=32; do
    compare 2 step 500 --steps 100 600 elbo --runs 1 --evaluate 1000000 --estimator score --model $model --samples 10
    compare 0 step 500 --steps 100 600 elbo --runs 1 --evaluate 1000000 --estimator reparam --model $model --samples 10
    compare 1 step 500 --steps 100 600 elbo --runs 1 --evaluate 1000000 --estimator analytic-kl --model $model --samples 10
    compare 0 step 500 --steps 100 600 elbo --runs 1 --evaluate 1000000 --estimator reparam --model $model --samples 8 --sampling sobol
  done
}
[ "$failed" = 0 ] || {
  echo "allocation test: more is allocated than the limits of $0 allow" >&2
  exit 1
}
