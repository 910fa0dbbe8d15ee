#!/usr/bin/env bash
# The checks of ./run check: sanitizers, the second compiler, fuzz smoke, clang-tidy. Stops at the
# first failing stage; ends with ctest's closing line.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

jobs=${JOBS:-$(nproc)}
stage() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

configure() {
  [ -e "build/$1/build.ninja" ] || cmake --preset "$1" >build/configure.log 2>&1 ||
    { cat build/configure.log; exit 1; }
}

# Unit tests alone: the end-to-end tests run with the dev build.
unit() { ctest --test-dir "build/$1" -L unit --output-on-failure; }

stage "g++ 12 with AddressSanitizer: the modules with coroutines"
configure gcc
ninja -C build/gcc -j "$jobs" --quiet net_test client_test
(cd build/gcc && ./net_test --gtest_brief=1 && ./client_test --gtest_brief=1)

stage "clang-tidy"
tools/tidy.sh

stage "clang with AddressSanitizer and UndefinedBehaviorSanitizer: fuzz smoke"
configure asan
ninja -C build/asan -j "$jobs" --quiet
ls fuzz/*_fuzz.cc | xargs -n 1 -P "$jobs" tools/fuzz_smoke.sh build/asan

stage "clang with AddressSanitizer and UndefinedBehaviorSanitizer: unit and script tests"
unit asan
