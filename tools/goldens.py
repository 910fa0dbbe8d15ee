#!/usr/bin/env python3
"""Plays recorded sessions on a `weir up` and compares, command by command.

usage: goldens.py --weir PROGRAM --kubectl PROGRAM [--own VERSION [--record]] [--write] [--verbose]
                  [SESSION...]

With ../shared/goldens: the recordings of a real Kubernetes 1.36, against `weir up --upstream-exact
--kubelet none` and the recordings' own stand-in for a kubelet. Without it, or with --own: the project's
own sessions, tests/goldens/VERSION (of kubectl; 1.33), against the default mode. Ends with
`N passed, N failed, N departed`; exit status 1 where a command differs that is neither a departure
(docs/departures.txt) nor known to fail (tests/goldens/known-failures.txt); of a recording, in both of
two plays.
--write: writes the counts into docs/benchmarks.md and the failures into the list of known ones."""
import argparse
import concurrent.futures
import contextlib
import difflib
import fnmatch
import http.server
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

import cluster
import sessions

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORDINGS = pathlib.Path(os.environ.get("WEIR_UPSTREAM_DIR", ROOT.parent / "shared")) / "goldens"
SKIPPED = 77  # the exit status where nothing could be played
DEPARTURES = ROOT / "docs/departures.txt"
OWN = ROOT / "tests/goldens"
KNOWN = ROOT / "tests/goldens/known-failures.txt"
REPORT = ROOT / "docs/benchmarks.md"
AT_ONCE = 4
EXACT = ("--upstream-exact", "--kubelet", "none", "--hpa-sync-period", "2s",
         "--downscale-stabilization", "10s")
TOKENS = 'admintoken,kubernetes-admin,1,"system:masters"\nplaintoken,plain,2,"plaingroup"\n'
# Sessions that would see each other take turns: they install the same cluster-wide kind, or one lists pods
# of all namespaces by a name that the other uses too.
TURNS = [("get-kinds", "describe-objects", "explain-fields"), ("get-kinds", "get-output")]


def lines_of(path):
    """The commands that a file names, `name.session:K: command`; comments left out."""
    if not path.exists():
        return set()
    return {line for line in path.read_text().splitlines() if ": " in line and line[0] != "#"}


def label(path, step):
    return f"{path.name}:{step.number}: {step.title()}"


class Exporter(http.server.ThreadingHTTPServer):
    """Serves the *.prom files of a folder at /metrics."""

    daemon_threads = True

    def __init__(self, folder):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                page = b""
                for file in sorted(pathlib.Path(folder).glob("*.prom")):
                    text = file.read_bytes()
                    page += text + (b"" if text.endswith(b"\n") else b"\n")
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a scraper that ended in mid-answer


class MetricsPage:
    """A folder of pages, served, and the flags of a `weir up` that scrapes it; `data` has its
    configuration."""

    def __init__(self, data, adapter, folder):
        self.folder = folder / "metrics"
        self.folder.mkdir()
        self.server = Exporter(self.folder)
        config = (data / "prometheus.yaml").read_text()
        port = self.server.server_address[1]
        (folder / "prometheus.yaml").write_text(
            config.replace("127.0.0.1:9100", f"127.0.0.1:{port}"))
        for rules in data.glob("prometheus-rules.yaml"):
            (folder / rules.name).write_text(rules.read_text())
        self.flags = ["--scrape-config", folder / "prometheus.yaml", "--adapter-config",
                      data / adapter]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Recorded:
    """A `weir up` as the recordings want it; for one session (`alone`) with page, rules and
    adapter."""

    def __init__(self, args, folder, alone):
        self.args, self.folder = args, pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.page, self.stand_in = None, None
        tokens = self.folder / "tokens.csv"
        tokens.write_text(TOKENS)
        flags = [*EXACT, "--token-auth-file", tokens]
        if alone:
            self.page = MetricsPage(RECORDINGS / "data", "adapter-sessions.yaml", self.folder)
            flags += [*self.page.flags, "--metrics-relist-interval", "2s", "--metrics-max-age",
                      "10s"]
        self.cluster = cluster.Cluster(args.weir, args.kubectl, *flags)

    def __enter__(self):
        self.cluster.start()
        programs = self.folder / "bin"  # the stand-in calls `kubectl`
        programs.mkdir()
        (programs / "kubectl").symlink_to(pathlib.Path(self.args.kubectl).resolve())
        env = dict(os.environ) | {"PATH": f"{programs}:{os.environ['PATH']}"}
        self.stand_in = subprocess.Popen(
            [sys.executable, RECORDINGS / "stub_kubelet.py", "--kubeconfig",
             self.cluster.kubeconfig], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=env)
        cluster.wait_for("the stand-in's node", lambda: self.cluster.get("/api/v1/nodes")["items"])
        return self

    def __exit__(self, *_):
        if self.stand_in:
            self.stand_in.terminate()
            self.stand_in.wait(10)
        self.cluster.close()
        if self.page:
            self.page.close()

    def play(self, path):
        return sessions.play(sessions.Session(
            path, self.cluster.kubeconfig, self.args.kubectl, self.folder, RECORDINGS / "data",
            self.page.folder if self.page else ""))


class Own:
    """A `weir up` as a user starts it, for the project's own sessions; for one session (`alone`) in
    the namespace default, and with a page of numbers where the session writes one."""

    def __init__(self, args, folder, alone):
        self.args, self.namespace = args, "default" if alone else ""
        self.folder, self.page = pathlib.Path(tempfile.mkdtemp(dir=folder)), None
        flags = ["--downscale-stabilization", "3s"]
        if alone and "METRICS_DIR" in alone.read_text():
            self.page = MetricsPage(OWN / "data", "adapter.yaml", self.folder)
            flags += [*self.page.flags, "--hpa-sync-period", "2s"]
        self.cluster = cluster.Cluster(args.weir, args.kubectl, *flags)

    def __enter__(self):
        self.cluster.start()
        return self

    def __exit__(self, *_):
        self.cluster.close()
        if self.page:
            self.page.close()

    def play(self, path):
        session = sessions.Session(path, self.cluster.kubeconfig, self.args.kubectl, self.folder,
                                   ROOT / "examples", self.page.folder if self.page else "",
                                   patience=30, namespace=self.namespace)
        return sessions.record(session) if self.args.record else sessions.play(session)


def wants_its_own(path):
    return path.name.startswith(("metrics-", "walkthrough-"))


def play_all(args, paths):
    """-> {path: answers}. Sessions with metrics get a cluster each, the others share one."""
    kind = Own if args.own else Recorded
    turns = {path.stem: sorted({i for i, group in enumerate(TURNS) if path.stem in group})
             for path in paths}
    locks = [threading.Lock() for _ in TURNS]
    results = {}

    with tempfile.TemporaryDirectory(prefix="weir-goldens-") as folder:
        def alone(path):
            with kind(args, folder, path) as played:
                return played.play(path)

        def shared(path):
            with contextlib.ExitStack() as held:
                for turn in turns[path.stem]:  # in order, so that nobody waits in a circle
                    held.enter_context(locks[turn])
                return common.play(path)

        sharing = [path for path in paths if not wants_its_own(path)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool, \
                contextlib.ExitStack() as stack:
            common = stack.enter_context(kind(args, folder, None)) if sharing else None
            started = {path: pool.submit(shared if path in sharing else alone, path)
                       for path in paths}
            for path, answers in started.items():
                results[path] = answers.result()
                if not args.record:
                    equal = sum(a.equal for a in results[path])
                    print(f"{path.stem}: {equal} of {len(results[path])} equal", flush=True)
    return results


def play_again(args, results, expected):
    """Plays recordings with differences that are not `expected` once more, and says which commands
    differed in the first play alone: some race with a clock, and a recording cannot be told to wait
    (an autoscaler with a period of 2 s finds a Deployment in the moment after its creation)."""
    again = [path for path, answers in results.items()
             if any(not a.equal and label(path, a.step) not in expected for a in answers)]
    for path, second in (play_all(args, again) if again else {}).items():
        for first, then in zip(results[path], second):
            if then.equal and not first.equal and label(path, first.step) not in expected:
                print(f"differed in the first of two plays: {label(path, first.step)}")
        results[path] = [a if a.equal else b for a, b in zip(results[path], second)]


def print_difference(path, answer):
    print(f"--- {label(path, answer.step)}")
    for line in difflib.unified_diff(answer.step.expected, answer.output, "recorded", "printed",
                                     lineterm="", n=2):
        print("    " + line)


def write_ledgers(results, departures):
    """The counts and the failures of the sessions played; those of others stay as they were."""
    played = {path.name for path in results}
    kept = {line for line in lines_of(KNOWN) if line.split(":")[0] not in played}
    failing = {label(path, a.step) for path, answers in results.items() for a in answers
               if not a.equal} - departures
    KNOWN.write_text("# Commands of recorded sessions that Weir does not answer equally yet, written by\n"
                     "# ./run goldens --write. A command that is not listed here must stay equal.\n" +
                     "".join(line + "\n" for line in sorted(kept | failing, key=_in_order)))
    begin, end = "<!-- goldens -->\n", "<!-- /goldens -->\n"
    text = REPORT.read_text()
    head, _, rest = text.partition(begin)
    old, _, tail = rest.partition(end)
    rows = dict(re.findall(r"^\| ([a-z0-9-]+) \| (.*) \|$", old, re.M))
    rows.pop("session", None)
    for path, answers in results.items():
        departed = sum(label(path, a.step) in departures and not a.equal for a in answers)
        rows[path.stem] = f"{len(answers)} | {sum(a.equal for a in answers)} | {departed}"
    table = "".join(f"| {name} | {row} |\n" for name, row in sorted(rows.items()))
    REPORT.write_text(head + begin + "| session | commands | equal | departed |\n|---|---|---|---|\n" +
                      table + end + tail)


def _in_order(line):
    name, number, _ = line.split(":", 2)
    return name, int(number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weir", required=True)
    parser.add_argument("--kubectl", required=True)
    parser.add_argument("--own", default="" if RECORDINGS.is_dir() else "1.33",
                        help="play the project's own sessions, of this version of kubectl")
    parser.add_argument("--recorded", action="store_true", help="nothing where no recordings are")
    parser.add_argument("--record", action="store_true",
                        help="with --own: write what is printed into the sessions")
    parser.add_argument("--write", action="store_true", help="write the ledgers")
    parser.add_argument("--verbose", action="store_true", help="print known differences too")
    parser.add_argument("sessions", nargs="*", help="names, or patterns as walkthrough-*")
    args = parser.parse_args()
    if not pathlib.Path(args.kubectl).exists():
        print(f"goldens: {args.kubectl} is not here: no session was played")
        return SKIPPED
    if args.recorded and not RECORDINGS.is_dir():
        print(f"goldens: {RECORDINGS} is not here: no session was played")
        return SKIPPED
    folder = OWN / args.own if args.own else RECORDINGS / "sessions"
    paths = [path for path in sorted(folder.glob("*.session"))
             if not args.sessions or any(fnmatch.fnmatch(path.stem, p) for p in args.sessions)]
    if not paths:
        sys.exit(f"goldens: no session of {folder} is named {' '.join(args.sessions)}")
    departures, known = lines_of(DEPARTURES), lines_of(KNOWN)
    results = play_all(args, paths)
    if args.record:
        return 0
    if not args.own:
        play_again(args, results, departures | known)
    counts, regressions = {"passed": 0, "failed": 0, "departed": 0}, 0
    for path, answers in results.items():
        for answer in answers:
            name = label(path, answer.step)
            if answer.equal:
                counts["passed"] += 1
            elif name in departures:
                counts["departed"] += 1
            else:
                counts["failed"] += 1
                regressions += name not in known
                if args.verbose or name not in known:
                    print_difference(path, answer)
    if args.write:
        write_ledgers(results, departures)
    print(", ".join(f"{number} {what}" for what, number in counts.items()))
    if regressions and not args.write:
        print(f"{regressions} of the failures are not known ones ({KNOWN.relative_to(ROOT)})")
    return 1 if regressions and not args.write else 0


if __name__ == "__main__":
    sys.exit(main())
