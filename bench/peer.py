"""A real control plane (etcd, kube-apiserver, kube-controller-manager) beside `weir up`, where a folder
`../shared/peers` with its `cluster.py` lies beside this one, and Go or the built programs are at hand."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from cluster import ROOT, Ended, wait_for

PROGRAM = ROOT.parent / "shared/peers/cluster.py"
BUILT = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "weir-peers"


def at_hand():
    built = all((BUILT / name).exists() for name in ("etcd", "apiserver", "kcm"))
    return PROGRAM.exists() and (built or shutil.which("go") is not None)


def free_ports(count):
    """The first of `count` ports in a row that nobody listens on."""
    for base in range(21900, 30000, count):
        try:
            for port in range(base, base + count):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
    raise SystemExit("no free ports")


def children(pid):
    """Program name -> process id, of a process' children."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text()
            if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
                program = (path / "cmdline").read_bytes().split(b"\0")[0].decode()
                found[pathlib.Path(program).name] = int(path.name)
        except OSError:
            continue
    return found


class Peer:
    """Has `server`, `token` and `ca` as a Cluster has them, and `pids` by program name."""

    def __init__(self, *kcm_flags):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="peer-"))
        base = free_ports(4)
        self.server, self.token = f"https://127.0.0.1:{base + 2}", "admintoken"
        self.ca = self.dir / "ca.crt"
        self.log = open(self.dir.with_suffix(".log"), "wb")
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, self.dir, str(base), *kcm_flags], stdout=self.log,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def __enter__(self):
        def ready():
            if self.process.poll() is not None:
                raise Ended(f"{PROGRAM} ended: {self.log.name}")
            return (self.dir / "ready").exists()

        wait_for("the real control plane", ready, 1800)
        self.pids = children(self.process.pid)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(40)
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
