#!/usr/bin/env bash
# clang-tidy over the sources that changed against the main branch's newest commit that touched
# .clang-tidy, or over all of them with --all (the gate's clean clone has no history to compare: all).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs=${JOBS:-$(nproc)}
[ -e build/dev/compile_commands.json ] || cmake --preset dev >/dev/null
mapfile -t sources < <(git ls-files 'src/*.cc' 'workloads/*.cc' | grep -v '_test\.cc$')
printf '%s\0' "${sources[@]}" |
  xargs -0 -n 4 -P "$jobs" clang-tidy-19 -p build/dev --quiet --warnings-as-errors='*' \
    >build/tidy.log 2>build/tidy.err || { grep -E 'error:|warning:' build/tidy.log | sort -u; exit 1; }
echo "clang-tidy: ${#sources[@]} sources without a finding"
