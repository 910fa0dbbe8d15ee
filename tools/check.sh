#!/usr/bin/env bash
# The checks of ./run check: all sessions of kubectl, the second compiler, sanitizers, fuzz smoke,
# clang-tidy. Stops at the first failing stage; ends with ctest's closing line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

jobs=${JOBS:-$(nproc)}
stage() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

# Builds what the tests with a label need (all: everything), with one of the presets.
build() {
  local preset=$1
  shift
  [ -e "build/$preset/build.ninja" ] || cmake --preset "$preset" >build/configure.log 2>&1 ||
    { cat build/configure.log; exit 1; }
  ninja -C "build/$preset" -j "$jobs" --quiet "$@"
}

# The unit tests with a label: the end-to-end tests run with the dev build.
unit() { ctest --test-dir "build/$1" -L "$2" -j "$jobs" --output-on-failure; }

stage "clang-tidy"
python3 tools/tidy.py

# The project's own sessions, and the recordings of a real cluster where they are at hand. Alone:
# some of their commands race with a clock.
stage "sessions of kubectl"
build dev weir producer consumer web-server worker
play="python3 tools/goldens.py --weir build/dev/weir --kubectl build/kubectl-1.33/kubectl"
$play --own 1.33 || [ $? = 77 ]  # nothing is there to play
$play --recorded || [ $? = 77 ]

stage "ThreadSanitizer: what has threads"
build tsan threads_tests
GTEST_FILTER='-Process.*' unit tsan threads  # it cannot follow clone(2)

stage "g++ 12 with AddressSanitizer: the modules that all coroutines stand on"
build gcc net_test client_test brokers_test consumer_test producer_test
ctest --test-dir build/gcc -R '^(net|client|brokers|consumer|producer)$' -j "$jobs" --output-on-failure

stage "clang with AddressSanitizer and UndefinedBehaviorSanitizer: fuzz smoke"
build asan
ls fuzz/*_fuzz.cc | xargs -n 1 -P "$jobs" tools/fuzz_smoke.sh build/asan

stage "clang with AddressSanitizer and UndefinedBehaviorSanitizer: unit tests"
unit asan unit
