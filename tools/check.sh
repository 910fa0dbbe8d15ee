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
unit() { ctest --test-dir "build/$1" -L unit --output-on-failure -j "$jobs"; }

stage "g++ 12 with AddressSanitizer: the modules with coroutines"
configure gcc
ninja -C build/gcc -j "$jobs" --quiet net_test client_test
(cd build/gcc && ./net_test --gtest_brief=1 && ./client_test --gtest_brief=1)

stage "clang with ThreadSanitizer: the modules with threads"
configure tsan
ninja -C build/tsan -j "$jobs" --quiet net_test platform_test
(cd build/tsan && TSAN_OPTIONS=halt_on_error=1 ./net_test --gtest_brief=1 \
  --gtest_filter='*Loop*:*Pool*:*TaskGroup*' &&
  TSAN_OPTIONS=halt_on_error=1 ./platform_test --gtest_brief=1 --gtest_filter='*Journal*-*Kill*')

stage "clang-tidy"
tools/tidy.sh

stage "clang with AddressSanitizer and UndefinedBehaviorSanitizer: fuzz smoke"
configure asan
ninja -C build/asan -j "$jobs" --quiet
for target in fuzz/*_fuzz.cc; do
  name=$(basename "$target" .cc)
  mkdir -p "build/asan/corpus/$name"
  "build/asan/$name" "build/asan/corpus/$name" "fuzz/corpus/$name" -runs=20000 -max_total_time=20 \
    -rss_limit_mb=2048 -verbosity=0 -print_final_stats=0 2>"build/asan/$name.log" ||
    { tail -n 40 "build/asan/$name.log"; echo "fuzz target $name failed"; exit 1; }
  echo "$name: corpus and 20,000 runs or 20 s without a finding"
done

stage "clang with AddressSanitizer and UndefinedBehaviorSanitizer: unit and script tests"
unit asan
