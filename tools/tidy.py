#!/usr/bin/env python3
"""clang-tidy over the sources that the last commits changed (CI: those of HEAD); over all of them
with --all, or where .clang-tidy itself changed there.

Most of clang-tidy's time goes into the headers, so the sources of a module are looked at together:
a file under build/tidy includes as many as have no name in common in their unnamed namespaces. A
group that does not compile for all that is looked at in halves.

usage: tidy.py [--all] [--build DIR] [SOURCE...]"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "build/tidy"
KINDS = ("src/*.cc", "workloads/*.cc")
COMMITS = 3
GROUP_LINES = 2500  # enough groups that two cores end at the same time
UNNAMED = re.compile(r"^namespace \{\n(.*?)^\}  // namespace$", re.S | re.M)
NAME = re.compile(r"\b(?:struct|class|enum|using|concept)\s+(\w+)|\b(\w+)\s*(?=[({=;\[])")
PRECOMPILED = re.compile(r"-Winvalid-pch |-Xclang -include(-pch)? -Xclang \S+ ")


def git(*args):
    return subprocess.run(["git", *args], cwd=ROOT, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.split()


def changed():
    base = git("rev-list", f"--max-count={COMMITS + 1}", "HEAD")[-1]
    files = git("diff", "--name-only", "--diff-filter=d", base, "--", *KINDS, ".clang-tidy")
    return git("ls-files", *KINDS) if ".clang-tidy" in files else files


def unnamed(text):
    """The names that a source defines in unnamed namespaces: those of its unindented lines."""
    names = set()
    for body in UNNAMED.findall(text):
        for line in re.findall(r"^\w.*", body, re.M):
            names.update(a or b for a, b in NAME.findall(line))
    return names


def groups(sources):
    """[[source...]]: each of one folder, with no unnamed name twice, and not too long."""
    found = collections.defaultdict(list)  # folder -> [(sources, names, lines)]
    for source in sources:
        text = (ROOT / source).read_text()
        names, lines = unnamed(text), text.count("\n")
        for group in found[os.path.dirname(source)]:
            if not group[1] & names and group[2] + lines <= GROUP_LINES:
                break
        else:
            group = [[], set(), 0]
            found[os.path.dirname(source)].append(group)
        group[0].append(source)
        group[1] |= names
        group[2] += lines
    ordered = sorted(sum(found.values(), []), key=lambda group: -group[2])
    return [group[0] for group in ordered]


def flags(build):
    """source -> its compiler flags, without warnings and precompiled headers."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        command = PRECOMPILED.sub("", entry["command"])
        options = shlex.split(command[:command.rindex(" -o ")])[1:]
        found[os.path.relpath(entry["file"], ROOT)] = [*options, "-w"]
    return found


def look(group, options):
    """The findings in these sources."""
    path = OUT / group[0].replace("/", "_")
    path.write_text("".join(f'#include "{ROOT / source}"\n' for source in group))
    done = subprocess.run(
        ["clang-tidy-19", "--quiet", "--warnings-as-errors=*",
         r"--header-filter=(src|workloads)/.*\.(h|cc)$", str(path), "--", *options],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        return []
    if "clang-diagnostic" in done.stdout and len(group) > 1:
        half = len(group) // 2
        return look(group[:half], options) + look(group[half:], options)
    return re.findall(r"^\S+: (?:error|warning): .*", done.stdout, re.M) or [done.stdout]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--build", default="build/dev")
    parser.add_argument("sources", nargs="*")
    args = parser.parse_args()
    build = ROOT / args.build
    if not (build / "compile_commands.json").exists():
        subprocess.run(["cmake", "--preset", "dev"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    sources = args.sources or (git("ls-files", *KINDS) if args.all else changed())
    sources = [s for s in sources if s.endswith(".cc") and not s.endswith("_test.cc")]
    OUT.mkdir(parents=True, exist_ok=True)
    options = flags(build)
    all_groups = groups(sources)
    problems = set()
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        for found in pool.map(lambda group: look(group, options[group[0]]), all_groups):
            new = sorted(set(found) - problems)
            problems.update(new)
            print("".join(f"{problem}\n" for problem in new), end="", flush=True)
    if not problems:
        print(f"clang-tidy: {len(sources)} sources in {len(all_groups)} groups without a finding")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
