#!/usr/bin/env python3
"""Measures the local cluster as a user meets it, and prints a Markdown table a section:

  start    `weir up` to its readiness line
  idle     memory and CPU of the weir process with the example at zero consumers
  pods     pod create to phase Running, seen by a watch
  bursts   burst to decision and to the first ready consumer, at random phase
  api      reads and writes a second over TLS, beside a fixed reply of the same process

usage: local_cluster.py --weir PROGRAM --kubectl PROGRAM [--only SECTION] [--bursts N]"""
import argparse
import datetime
import json
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from cluster import Cluster, wait_for  # noqa: E402

NS = "/api/v1/namespaces/default"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/consumer"


def row(name, values, unit, aim=""):
    values = sorted(values)
    p99 = values[min(len(values) - 1, int(len(values) * 0.99))]
    print(f"| {name} | {statistics.median(values):.3g} | {statistics.mean(values):.3g} | {p99:.3g} | "
          f"{values[-1]:.3g} | {unit} | {len(values)} | {aim} |", flush=True)


def header(title):
    print(f"\n### {title}\n\n| what | median | mean | p99 | worst | unit | runs | aim |\n"
          "|---|---|---|---|---|---|---|---|", flush=True)


def new_cluster(args, *flags):
    return Cluster(args.weir, args.kubectl, *flags)


def bench_start(args):
    header("Start")
    seconds = []
    for _ in range(10):
        with new_cluster(args) as c:
            seconds.append(c.ready_seconds)
    row("`weir up` to ready, new data folder", seconds, "s", "under 1 s")


def start_example(c):
    c.kubectl("apply", "-f", ROOT / "examples/redis-consumer")
    wait_for("the consumers at 0", lambda: c.get(DEPLOYMENT).get("status", {}).get(
        "replicas", 0) == 0 and c.request("GET", "/apis/autoscaling/v2/namespaces/default/"
        "horizontalpodautoscalers/consumer")[1].count('"ScaledToZero"') > 0, 90)


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def memory_mb(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024


def bench_idle(args):
    header("Idle, the example at zero consumers")
    with new_cluster(args, "--downscale-stabilization", "3s") as c:
        start_example(c)
        wait_for("things to settle", lambda: time.sleep(5) or True)
        memory, cpu = [], []
        for _ in range(5):
            before, begin = cpu_seconds(c.process.pid), time.monotonic()
            wait_for("an interval", lambda: time.sleep(6) or True)
            cpu.append(100 * (cpu_seconds(c.process.pid) - before) / (time.monotonic() - begin))
            memory.append(memory_mb(c.process.pid))
        row("resident memory of `weir up`", memory, "MB", "under 40 MB")
        row("CPU of `weir up`", cpu, "% of a core", "under 1 %")


def pod(name):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
                     "containers": [{"name": "main", "image": "busybox",
                                     "command": ["sleep", "1000"]}]}}


def watch_until(c, path, wanted, timeout=20):
    """Monotonic time at which a watch shows an object for which wanted(object) holds."""
    request = urllib.request.Request(c.server + path, headers={"Authorization": "Bearer " + c.token})
    with urllib.request.urlopen(request, context=c.tls, timeout=timeout) as stream:
        yield None
        for line in stream:
            if wanted(json.loads(line)["object"]):
                yield time.monotonic()
                return


def bench_pods(args):
    header("Pods")
    with new_cluster(args) as c:
        milliseconds = []
        for i in range(30):
            name = f"p{i}"
            watch = watch_until(c, f"{NS}/pods?watch=1&fieldSelector=metadata.name%3D{name}",
                                lambda o: o["status"].get("phase") == "Running")
            next(watch)
            begin = time.monotonic()
            c.request("POST", f"{NS}/pods", pod(name))
            milliseconds.append(1000 * (next(watch) - begin))
            c.request("DELETE", f"{NS}/pods/{name}")
        row("pod create to Running", milliseconds, "ms", "under 50 ms")


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def bench_bursts(args):
    header("Bursts at random phase, a scrape each second")
    decisions, readies, afters = [], [], []
    with new_cluster(args, "--downscale-stabilization", "1s") as c:
        start_example(c)
        producer = c.get(f"{NS}/services/producer")["spec"]["clusterIP"]
        for _ in range(args.bursts):
            wait_for("zero", lambda: c.get(DEPLOYMENT)["status"].get("replicas", 0) == 0, 60)
            wait_for("a random phase", lambda: time.sleep(2 + random.random()) or True)
            begin = time.time()
            request = urllib.request.Request(f"http://{producer}:8080/publish/4", method="POST")
            urllib.request.urlopen(request, timeout=10).read()

            def hop():
                items = [i for i in c.get("/debug/weir/hops")["items"] if
                         i["from"] == 0 and instant(i["decided"]) >= begin and i["podReady"]]
                return items and items[0]

            item = wait_for("the scale-up", hop, 20)
            decisions.append(instant(item["decided"]) - begin)
            readies.append(instant(item["podReady"]) - begin)
            afters.append(instant(item["podReady"]) - instant(item["decided"]))
    row("burst to decision", decisions, "s", "0.7 s mean, 1.3 s worst")
    row("burst to first ready consumer", readies, "s", "1.0 s mean")
    row("decision to first ready consumer", afters, "s", "0.3 s")


def wrk(c, path, lua=None, connections=8, seconds=5):
    """Requests a second, and how many there were."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H",
               "Authorization: Bearer " + c.token]
    if lua:
        command += ["-s", lua]
    out = subprocess.run(command + [c.server + path], capture_output=True, text=True).stdout
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if errors:
        raise SystemExit(f"{path}: {errors.group(1)} requests failed\n{out}")
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            int(re.search(r"(\d+) requests in", out).group(1)))


# Headers given to wrk.format would replace those of the command line, so they are added to them.
CREATE = """
wrk.headers["Content-Type"] = "application/json"
request = function()
  return wrk.format("POST", nil, nil,
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"c-"},"data":{"a":"b"}}')
end
"""
PATCH = """
local n = 0
wrk.headers["Content-Type"] = "application/merge-patch+json"
request = function()
  n = n + 1
  return wrk.format("PATCH", nil, nil, '{"data":{"a":"' .. n .. '"}}')
end
"""


def bench_api(args):
    header("API over TLS, 8 connections")
    with new_cluster(args) as c, tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "create.lua").write_text(CREATE)
        (folder / "patch.lua").write_text(PATCH)
        c.request("POST", f"{NS}/configmaps", {"apiVersion": "v1", "kind": "ConfigMap",
                                               "metadata": {"name": "one"}, "data": {"a": "b"}})
        rows = [("fixed reply (`/livez`)", "/livez", None),
                ("GET one ConfigMap", f"{NS}/configmaps/one", None),
                ("LIST of one ConfigMap", f"{NS}/configmaps?fieldSelector=metadata.name%3Done", None),
                ("PATCH one ConfigMap", f"{NS}/configmaps/one", folder / "patch.lua"),
                ("CREATE ConfigMaps", f"{NS}/configmaps", folder / "create.lua")]
        fixed = None
        for name, path, lua in rows:
            rates = [wrk(c, path, lua, seconds=3)[0] for _ in range(3)]
            fixed = fixed or statistics.median(rates)
            row(name, rates, "requests/s", f"{statistics.median(rates) / fixed:.2f} of the fixed reply")


SECTIONS = {"start": bench_start, "idle": bench_idle, "pods": bench_pods, "bursts": bench_bursts,
            "api": bench_api}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", required=True)
    parser.add_argument("--kubectl", required=True)
    parser.add_argument("--only", choices=list(SECTIONS))
    parser.add_argument("--bursts", type=int, default=20)
    args = parser.parse_args()
    for name, section in SECTIONS.items():
        if args.only in (None, name):
            section(args)


if __name__ == "__main__":
    main()
