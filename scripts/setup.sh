#!/bin/sh
# Installs what is missing: GSL's, OpenBLAS's and zlib's headers and libraries, pkg-config, and a JSON Schema validator for the tests.
# Swift itself must be there. Does nothing, and asks nothing, where all is present.
set -eu

missing=""
pkg-config --exists gsl 2>/dev/null || missing="gsl"
pkg-config --exists openblas 2>/dev/null || missing="$missing openblas"
pkg-config --exists zlib 2>/dev/null || missing="$missing zlib"
has_validator() {
  command -v check-jsonschema >/dev/null 2>&1 || /usr/bin/python3 -c 'import jsonschema' >/dev/null 2>&1
}
has_validator || missing="$missing validator"
command -v swift >/dev/null 2>&1 || {
  echo "setup: Swift 6.2 or later is not on the PATH; install it from swift.org first" >&2
  exit 1
}
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null 2>&1; }; then
  as_root=""
  [ "$(id -u)" = 0 ] || as_root="sudo"
  export DEBIAN_FRONTEND=noninteractive
  $as_root apt-get update -qq
  $as_root apt-get install -y -qq libgsl-dev libopenblas-dev zlib1g-dev pkg-config python3-jsonschema >/dev/null
elif command -v brew >/dev/null 2>&1; then
  brew install --quiet gsl openblas zlib pkg-config check-jsonschema
else
  echo "setup: install by hand what is missing ($missing): libgsl-dev, libopenblas-dev, zlib1g-dev, pkg-config, python3-jsonschema (Debian's names) or gsl, openblas, zlib, pkg-config, check-jsonschema (Homebrew's)" >&2
  exit 1
fi
pkg-config --exists gsl openblas zlib && has_validator || {
  echo "setup: the packages were installed and GSL, OpenBLAS, zlib or the JSON Schema validator is still not found" >&2
  exit 1
}
