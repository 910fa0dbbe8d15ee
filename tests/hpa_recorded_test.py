"""The decisions of Kubernetes' own HPA controller, where recordings of them are at hand: `weir hpa
replay --upstream-exact` gives each of them again."""
import argparse
import os
import pathlib
import subprocess
import sys

SKIPPED = 77


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weir", required=True)
    parser.add_argument("--kubectl")
    args = parser.parse_args()
    folder = pathlib.Path(os.environ.get("WEIR_UPSTREAM_DIR", "/nowhere")) / "goldens/hpa"
    scenarios = sorted(folder.glob("*.jsonl*"))
    if not scenarios:
        print("hpa_recorded: no recordings (WEIR_UPSTREAM_DIR): nothing was replayed")
        return SKIPPED
    return subprocess.run([sys.executable, folder / "compare.py", "--strict", "--command",
                           f"{args.weir} hpa replay --upstream-exact -", *scenarios]).returncode


if __name__ == "__main__":
    sys.exit(main())
