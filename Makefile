# Every target sets up what it needs, on a fresh Debian 12 too. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
JOBS ?= $(shell nproc)
LODE := build/release/lode
FUZZ_SECONDS ?= 60
# A Python with onnxruntime and openvino, and options of bench/compare_models.py.
PEERS_PYTHON ?=
BENCH_FLAGS ?=
OUTPUTS_FLAGS ?=
# Paths count from here, so that a second clone finds what the first one compiled.
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1
CTEST_FLAGS := --output-on-failure --no-tests=error

.PHONY: bench-loadgen outputs soak table-one help setup build demo test unit asan tsan bench fuzz fmt tidy clean

help:            ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup:           ## installs missing system packages
	@tools/setup.sh

build: setup     ## build/release/lode and everything else, optimised
	@cmake --preset release >/dev/null
	@ninja -C build/release -j $(JOBS) --quiet

demo: setup      ## the main job on the embedded model and data, ending with a table
	@cmake --preset release >/dev/null
	@ninja -C build/release -j $(JOBS) --quiet lode
	@tools/demo.sh $(LODE) build/demo

test: build      ## all tests
	@ctest --test-dir build/release $(CTEST_FLAGS)

asan: setup      ## the unit tests under the address and undefined-behaviour sanitizers
	@cmake --preset asan >/dev/null
	@ninja -C build/asan -j $(JOBS) --quiet
	@ctest --test-dir build/asan -L unit $(CTEST_FLAGS)

tsan: setup      ## the threaded tests under the thread sanitizer
	@cmake --preset tsan >/dev/null
	@ninja -C build/tsan -j $(JOBS) --quiet base_test loadgen_test mlperf_test sut_test runtime_test
	@ctest --test-dir build/tsan -R '^(base|loadgen|mlperf|sut|runtime)_test$$' $(CTEST_FLAGS)

bench-loadgen: build ## what the load generator costs and how precisely it paces
	@build/release/bin/loadgen_bench

table-one: build ## the paper's Table I to the letter on the embedded model: 12 minutes
	@bench/table_one.sh $(LODE) build/table-one

soak: build      ## 100 million queries in 10 minutes: memory stays flat
	@build/release/bin/loadgen_bench soak 600

bench: build     ## load generator, kernels, then whole models in every precision beside the peers of PEERS_PYTHON, in process (BENCH_FLAGS) and under the load generator
	@mkdir -p build/bench
	@build/release/bin/loadgen_bench
	@build/release/bin/kernels_bench --benchmark_min_time=0.05 --benchmark_out=build/bench/kernels.json
	@build/release/bin/runtime_bench --benchmark_min_time=0.2 --benchmark_out=build/bench/runtime.json
	@bench/compare_models.py --lode $(LODE) $(if $(PEERS_PYTHON),--python $(PEERS_PYTHON)) \
	  --engines lodestone,lodestone-fp16,lodestone-int8-static,lodestone-int8-dynamic,onnxruntime,openvino \
	  --json build/bench/models.json --markdown build/bench/models.md $(BENCH_FLAGS)
	@bench/under_load.sh $(LODE) "$(PEERS_PYTHON)" "$(LODE_TEST_DATA)" build/bench

outputs: build   ## every zoo model's outputs against ONNX Runtime's (PEERS_PYTHON), on every instruction set
	@$(or $(PEERS_PYTHON),$(error set PEERS_PYTHON to a Python with onnxruntime and numpy)) \
	  bench/check_outputs.py --lode $(LODE) $(OUTPUTS_FLAGS)

fuzz:            ## every fuzzer for FUZZ_SECONDS (60) each
	@tools/setup.sh tools/packages-fuzz.txt
	@cmake --preset fuzz >/dev/null
	@ninja -C build/fuzz -j $(JOBS) --quiet fuzzers
	@tools/fuzz.sh build/fuzz/bin $(FUZZ_SECONDS)

fmt:             ## formats the C++ sources
	@tools/setup.sh tools/packages-lint.txt
	@git ls-files '*.cc' '*.h' | xargs clang-format -i

tidy:            ## the project's own rules, then clang-tidy's
	@tools/setup.sh tools/packages-lint.txt
	@python3 tools/tidy.py
	@cmake --preset release >/dev/null
	@git ls-files '*.cc' | grep -v '^fuzz/' | xargs -P $(JOBS) -n 8 clang-tidy -p build/release --quiet

clean:           ## removes build/
	@rm -rf build
