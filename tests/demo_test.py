#!/usr/bin/env python3
"""The demos themselves, and the README's excerpt of the first: once times, names, counts and repeated
rows are normalised, both say the same."""
import re
import subprocess
import sys

from harness import ROOT, Failure, arguments, check


def normalise(text):
    lines = []
    for line in text.strip().splitlines():
        line = re.sub(r"https://127\.0\.0\.1:\d+", "https://127.0.0.1:PORT", line)
        line = re.sub(r"kubeconfig \S+", "kubeconfig FILE", line)
        line = re.sub(r"\d+:3\d{4}/TCP", "NODEPORT", line)
        line = re.sub(r"\b(\d+[dhms])+\b", "AGE", line)
        line = re.sub(r"\d+(\.\d+)?", "N", line)
        line = re.sub(r"\s+", " ", line).strip().replace("unknown", "N")
        if not lines or lines[-1] != line:
            lines.append(line)
    return lines


def excerpt():
    text = (ROOT / "README.md").read_text()
    match = re.search(r"<!-- demo excerpt.*?-->\n```\n(.*?)```\n<!-- end", text, re.S)
    check(match, "README.md has no demo excerpt between its markers")
    return match.group(1)


def main():
    args = arguments(demo=["redis", "rabbitmq"])
    run = subprocess.run([sys.executable, ROOT / "tools/demo.py", args.demo, "--weir", args.weir,
                          "--kubectl", args.kubectl], capture_output=True, text=True, timeout=400)
    print(run.stdout, run.stderr, flush=True)
    check(run.returncode == 0, f"the demo exited with {run.returncode}")
    if args.demo != "redis":
        return
    printed, told = normalise(run.stdout), normalise(excerpt())
    missing = [line for line in told if line != "..." and line not in printed]
    added = [line for line in printed if line not in told]
    if missing or added:
        raise Failure(f"README.md tells what the demo does not print: {missing}; "
                      f"the demo prints what README.md does not tell: {added}")


if __name__ == "__main__":
    main()
