#!/usr/bin/env bash
# fuzz_smoke.sh BUILD TARGET.cc: the target's whole corpus, then 20,000 runs or 10 s of new inputs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1
name=$(basename "$2" .cc)
found="$build/corpus/$name"
mkdir -p "$found"
if ! "$build/$name" "$found" "fuzz/corpus/$name" -runs=20000 -max_total_time=10 -rss_limit_mb=2048 \
  -artifact_prefix="$found/" -verbosity=0 >"$build/$name.log" 2>&1; then
  tail -n 40 "$build/$name.log"
  echo "fuzz target $name failed; the input is under $found"
  exit 255
fi
echo "$name: no finding"
