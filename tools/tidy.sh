#!/usr/bin/env bash
# clang-tidy over the sources that the last commits changed (CI: those of HEAD), all of them where
# .clang-tidy itself changed there or with --all. The full set takes half an hour on 2 cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
jobs=${JOBS:-$(nproc)}
readonly COMMITS=3
[ -e build/dev/compile_commands.json ] || cmake --preset dev >/dev/null
base=$(git rev-list --max-count=$((COMMITS + 1)) HEAD | tail -n 1)
changed=$(git diff --name-only --diff-filter=d "$base" -- 'src/*.cc' 'workloads/*.cc' .clang-tidy)
if [ "${1:-}" = --all ] || grep -qx '.clang-tidy' <<<"$changed"; then
  changed=$(git ls-files 'src/*.cc' 'workloads/*.cc')
fi
mapfile -t sources < <(grep '\.cc$' <<<"$changed" | grep -v '_test\.cc$' || true)
if [ ${#sources[@]} -gt 0 ]; then
  printf '%s\0' "${sources[@]}" |
    xargs -0 -n 2 -P "$jobs" clang-tidy-19 -p build/dev --quiet --warnings-as-errors='*' \
      >build/tidy.log 2>build/tidy.err ||
    { grep -E 'error:|warning:' build/tidy.log | sort -u; exit 1; }
fi
echo "clang-tidy: ${#sources[@]} changed sources without a finding"
