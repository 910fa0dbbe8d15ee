#!/usr/bin/env python3
"""Types the example's walkthrough with Debian's kubectl (1.20) and, where npm brought it, with 1.33,
and compares whole outputs with tests/goldens/<version>/."""
import os
import pathlib
import shutil
import sys
import tempfile

import session
from harness import ROOT, arguments, check, cluster


def play(args, version, kubectl):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-session-"))
    try:
        with cluster(args) as c:
            programs = folder / "bin"
            programs.mkdir()
            (programs / "kubectl").symlink_to(pathlib.Path(kubectl).resolve())
            publish = programs / "publish"
            publish.write_text(
                "#!/bin/sh\nip=$(kubectl get svc producer -o jsonpath={.spec.clusterIP})\n"
                'exec curl -sS -X POST "http://$ip:8080/publish/$1"\n')
            publish.chmod(0o755)
            env = c.kubectl_env() | {"PATH": f"{programs}:{os.environ['PATH']}", "TMP": str(folder)}
            failures = 0
            for path in sorted((ROOT / "tests/goldens" / version).glob("*.session")):
                failures += session.play(path, env, ROOT)
            return failures
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    args = arguments()
    failures = play(args, "1.20", args.kubectl)
    newer = ROOT / "build/kubectl-1.33/kubectl"
    if newer.exists():
        failures += play(args, "1.33", newer)
    else:
        print("kubectl 1.33 is not here (no npm): its sessions were not played")
    check(failures == 0, f"{failures} commands answered differently")


if __name__ == "__main__":
    sys.exit(main())
