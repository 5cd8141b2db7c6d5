# make run     sets up, builds, and compares estimators on the breast-cancer data
# make test    sets up, builds, and runs every test
# make check   holds every estimator to its laws in every combination that it claims
# make setup   installs what is missing (GSL, OpenBLAS, zlib, pkg-config, a JSON Schema validator)
# make bench   measures the speed against hand-written C, JAX, numpy and PyTorch, and how it scales; ROUNDS=5 SCALE=1,
#              FLAGS=--quick to try it
# make format  formats the sources

.DEFAULT_GOAL := run
.PHONY: run test check setup build bench format lint

# Sibling modules must not import each other: plain `swift build` would accept an undeclared import.
SWIFT_FLAGS := --explicit-target-dependency-import-check error
RELEASE := swift build -c release $(SWIFT_FLAGS) --product workbench

setup:
	@scripts/setup.sh

build: setup
	$(RELEASE)

run: build
	.build/release/workbench run Experiments/breast-cancer-variance.json

test: setup
	swift build --build-tests $(SWIFT_FLAGS)
	swift test --skip-build
	$(RELEASE)
	scripts/smoke-test.sh .build/release/workbench .build/debug/workbench
	scripts/allocation-test.sh .build/release/workbench
	scripts/plugin-test.sh

check: build
	.build/release/workbench check

ROUNDS := 5
SCALE := 1
FLAGS :=
bench: build
	python3 Benchmarks/bench --rounds $(ROUNDS) --scale $(SCALE) $(FLAGS)

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests Benchmarks Examples

lint:
	swift format lint --recursive --parallel Package.swift Sources Tests Benchmarks Examples
