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

# The project's own sessions, and the recordings of a real cluster where they are at hand.
play_sessions() {
  local play="python3 tools/goldens.py --weir build/dev/weir --kubectl build/kubectl-1.33/kubectl"
  $play --own 1.33 || [ $? = 77 ] || return 1  # 77: nothing is there to play
  $play --recorded || [ $? = 77 ]
}

stage "ThreadSanitizer: the build; sessions of kubectl meanwhile, which mostly wait"
build dev weir producer consumer web-server worker
play_sessions >build/sessions.log 2>&1 &
sessions=$!
build tsan threads_tests || { wait; exit 1; }  # it leaves nothing running behind

stage "sessions of kubectl: what they have come to"
wait "$sessions" || { cat build/sessions.log; exit 1; }
tail -n 3 build/sessions.log

stage "ThreadSanitizer: what has threads"
GTEST_FILTER='-Process.*' unit tsan threads  # it cannot follow clone(2)

stage "g++ 12 with AddressSanitizer: the modules that all coroutines stand on"
build gcc net_test client_test brokers_test consumer_test producer_test
ctest --test-dir build/gcc -R '^(net|client|brokers|consumer|producer)$' -j "$jobs" --output-on-failure

stage "clang with AddressSanitizer and UndefinedBehaviorSanitizer: fuzz smoke"
build asan
ls fuzz/*_fuzz.cc | xargs -n 1 -P "$jobs" tools/fuzz_smoke.sh build/asan

stage "clang with AddressSanitizer and UndefinedBehaviorSanitizer: unit tests"
unit asan unit
