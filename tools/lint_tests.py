#!/usr/bin/env python3
"""Every test there is must run: each *_test.cc lies where CMake's module globs find it, each script
(tests/**/*.test, *.jsonl) is read by some test, each fuzz target has a corpus and is named so that
it links its module.

usage: lint_tests.py [ROOT]"""
import pathlib
import sys


def run(root):
    problems = []
    modules = {p.parent for p in root.glob("src/*/deps.txt")}
    modules |= {p.parent for p in root.glob("workloads/*/deps.txt")}
    for path in root.rglob("*_test.cc"):
        if "build" in path.relative_to(root).parts:
            continue
        if path.parent not in modules:
            problems.append(f"{path.relative_to(root)}: no module's test program includes it")
    sources = "".join(p.read_text() for p in root.glob("src/*/*_test.cc"))
    sources += "".join(p.read_text() for p in root.glob("tests/*.py"))
    for script in list(root.glob("tests/*/*.test")) + list(root.glob("tests/*/*.jsonl")):
        folder = f"tests/{script.parent.name}"
        if folder not in sources:
            problems.append(f"{script.relative_to(root)}: no test reads {folder}")
    registered = (root / "tests/CMakeLists.txt").read_text() if (
        root / "tests/CMakeLists.txt").exists() else ""
    for script in root.glob("tests/*_test.py"):
        if script.name not in registered:
            problems.append(f"{script.relative_to(root)}: not in tests/CMakeLists.txt")
    names = {p.name for p in modules}
    for target in root.glob("fuzz/*.cc"):
        if not target.stem.endswith("_fuzz") or target.stem.split("_")[0] not in names:
            problems.append(f"{target.relative_to(root)}: is not named <module>_<what>_fuzz.cc")
        corpus = root / "fuzz/corpus" / target.stem
        if not corpus.is_dir() or not any(corpus.iterdir()):
            problems.append(f"{target.relative_to(root)}: has no corpus in fuzz/corpus/{target.stem}")
    return problems


if __name__ == "__main__":
    found = run(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    for problem in found:
        print(problem)
    sys.exit(1 if found else 0)
