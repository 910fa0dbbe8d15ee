#!/usr/bin/env python3
"""Measures the API server and its controllers by the CPU that they use, beside a fixed reply of the same
process and beside a real control plane (peer.py; where there is none, beside figures recorded of one):

  requests     CPU of a GET, a LIST, a durable PATCH
  watches      one PATCH to 1,000 watchers
  deployments  500 Deployments of one pod created, scaled and deleted

usage: api.py --weir PROGRAM --kubectl PROGRAM --watchers-program PROGRAM [--only SECTION]"""
import argparse
import contextlib
import http.client
import json
import pathlib
import socket
import ssl
import statistics
import subprocess
import tempfile
import threading
import time

from local_cluster import NS, cpu_seconds, memory_mb, new_cluster, wrk
from peer import Peer, at_hand
from cluster import wait_for

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
# One object after the other, so that no two connections write the same one at a time.
PATCHED = 64
PATCH = f"""
local n = 0
wrk.headers["Content-Type"] = "application/merge-patch+json"
request = function()
  n = n + 1
  return wrk.format("PATCH", "{NS}/configmaps/p" .. n % {PATCHED}, nil, '{{"data":{{"a":"' .. n .. '"}}}}')
end
"""
KCM_FLAGS = ("--kube-api-qps=2000", "--kube-api-burst=2000", "--concurrent-deployment-syncs=20",
             "--concurrent-replicaset-syncs=20")

# CPU of kube-apiserver 1.36.3 and etcd 3.7.3 (no fsync) where they cannot run beside: microseconds a
# request, measured on a machine of 2 cores with the same load.
RECORDED = {"fixed reply": 181, "GET one ConfigMap": 470 + 139, "LIST 8 Deployments": 925 + 170,
            "merge PATCH of a ConfigMap": 1014 + 239, "watch": 53}


class Side:
    """One of the two servers: where it is, and the processes whose CPU counts."""

    def __init__(self, name, server, token, ca, pids):
        self.name, self.server, self.token, self.ca, self.pids = name, server, token, ca, pids
        self.connection = None

    def cpu(self):
        return sum(map(cpu_seconds, self.pids))

    def memory(self):
        return sum(map(memory_mb, self.pids))

    def open(self):
        host, port = self.server.removeprefix("https://").split(":")
        return http.client.HTTPSConnection(
            host, int(port), context=ssl.create_default_context(cafile=str(self.ca)), timeout=600)

    def request(self, method, path, body=None, content_type="application/json"):
        """The answer's document, over one connection that is kept."""
        self.connection = self.connection or self.open()
        self.connection.request(method, path, None if body is None else json.dumps(body), {
            "Authorization": "Bearer " + self.token, "Content-Type": content_type})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 201, 202):
            raise SystemExit(f"{self.name}: {method} {path}: {answer.status} {text[:300]}")
        return json.loads(text)


@contextlib.contextmanager
def sides(args, *weir_flags, kcm_flags=(), with_controllers=False):
    """Weir's side and, where one is at hand, the real one's (else None)."""
    with contextlib.ExitStack() as stack:
        c = stack.enter_context(new_cluster(args, *weir_flags))
        weir = Side("weir", c.server, c.token, c.dir / "pki/ca.crt", [c.process.pid])
        peer = None
        if at_hand() and not args.no_peer:
            real = stack.enter_context(Peer(*kcm_flags))
            names = ["apiserver", "etcd"] + (["kcm"] if with_controllers else [])
            peer = Side("real", real.server, real.token, real.ca, [real.pids[n] for n in names])
            peer.names = names
        yield weir, peer


def pause(seconds):
    end = time.monotonic() + seconds
    wait_for("a moment", lambda: time.monotonic() >= end, seconds + 5, 0.01)


def idle_rate(side):
    """CPU seconds a second with nobody asking."""
    before, begin = side.cpu(), time.monotonic()
    pause(3)
    return (side.cpu() - before) / (time.monotonic() - begin)


def config_map(name):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"}}


def deployment(name, replicas, labels=None):
    labels = {"app": name} | (labels or {})
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": labels},
                                  "spec": {"terminationGracePeriodSeconds": 0, "containers": [
                                      {"name": "main", "image": "busybox",
                                       "command": ["sleep", "100000"]}]}}}}


def one_load(side, path, lua, idle):
    """CPU microseconds a request, by process, and requests a second, of one run of wrk."""
    before, begin = [cpu_seconds(p) for p in side.pids], time.monotonic()
    rate, count = wrk(side, path, lua, connections=16, seconds=4)
    elapsed = time.monotonic() - begin
    used = [cpu_seconds(p) - b for p, b in zip(side.pids, before)]
    return 1e6 * max(0.0, sum(used) - idle * elapsed) / count, rate


def aim(value, limit):
    return f"{value:.3f} (aim {limit})" if limit else f"{value:.3f}"


def bench_requests(args):
    with sides(args) as (weir, peer), tempfile.TemporaryDirectory() as folder:
        lua = pathlib.Path(folder) / "patch.lua"
        lua.write_text(PATCH)
        both = [s for s in (weir, peer) if s]
        for side in both:
            for name in ["one"] + [f"p{i}" for i in range(PATCHED)]:
                side.request("POST", f"{NS}/configmaps", config_map(name))
            for i in range(8):
                side.request("POST", DEPLOYMENTS, deployment(f"d{i}", 0))
        pause(5)
        idle = {s.name: idle_rate(s) for s in both}
        print("\n### API: CPU of a request over TLS, 16 connections\n\n"
              "`weir up` does everything in one process, controllers included; of the real control plane "
              + ("kube-apiserver and etcd (no fsync) are counted, in the same run.\n" if peer else
                 "kube-apiserver and etcd (no fsync), as recorded.\n") +
              "\n| request | Weir us | of its fixed reply | Weir requests/s | real us | "
              "real requests/s | Weir / real |\n|---|---|---|---|---|---|---|", flush=True)
        rows = [("fixed reply", "", None, None),
                ("GET one ConfigMap", f"{NS}/configmaps/one", None, "1/8 = 0.125"),
                ("LIST 8 Deployments", DEPLOYMENTS, None, None),
                ("merge PATCH of a ConfigMap", f"{NS}/configmaps", lua, "1/4 = 0.25")]
        fixed = None
        for name, path, script, limit in rows:
            runs = {s.name: [] for s in both}
            for _ in range(args.runs):
                for side in both:
                    # Neither asks its storage for these; the real /livez makes checks.
                    fixed_path = "/livez" if side is weir else "/version"
                    load = one_load(side, path or fixed_path, script, idle[side.name])
                    runs[side.name].append(load)
            own = statistics.median(cost for cost, _ in runs["weir"])
            fixed = fixed or own
            other, other_rate = RECORDED[name], "-"
            if peer:
                other = statistics.median(cost for cost, _ in runs["real"])
                other_rate = f"{statistics.median(r for _, r in runs['real']):.3g}"
            print(f"| {name} | {own:.3g} | {own / fixed:.2f} | "
                  f"{statistics.median(r for _, r in runs['weir']):.3g} | {other:.4g} | "
                  f"{other_rate} | {aim(own / other, limit)} |", flush=True)


def fan_out(args, side):
    """Milliseconds as bench_watchers tells them; CPU microseconds a delivered event; memory."""
    side.request("POST", f"{NS}/configmaps", config_map("watched"))
    watchers = subprocess.Popen(
        [args.watchers_program, side.server, str(side.ca), side.token, "default", "watched",
         str(args.watchers), str(args.changes)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if watchers.stdout.readline().strip() != "ready":
            raise SystemExit(f"{side.name}: no watches")
        pause(2)
        idle = idle_rate(side)
        before, begin = side.cpu(), time.monotonic()
        watchers.stdin.write("go\n")
        watchers.stdin.flush()
        result = json.loads(watchers.stdout.readline())
        used = side.cpu() - before - idle * (time.monotonic() - begin)
        memory = side.memory()
        watchers.stdin.write("end\n")
        watchers.stdin.flush()
        watchers.wait(30)
    finally:
        watchers.kill()
        watchers.wait()
    return result, 1e6 * max(0.0, used) / result["events"], memory


def bench_watches(args):
    print(f"\n### API: one PATCH to {args.watchers:,} watchers over TLS, {args.changes} times\n\n"
          "| server | CPU us an event delivered | median watcher ms | p99 ms | last watcher, median ms | "
          "last, p99 ms | memory MB |\n|---|---|---|---|---|---|---|", flush=True)
    costs = {}
    with sides(args) as (weir, peer):
        for side in filter(None, (weir, peer)):
            result, costs[side.name], memory = fan_out(args, side)
            name = "`weir up`" if side is weir else "kube-apiserver and etcd"
            print(f"| {name} | {costs[side.name]:.3g} | {result['median_ms']:.3g} | "
                  f"{result['p99_ms']:.3g} | {result['last_ms']:.3g} | {result['last_p99_ms']:.3g} | "
                  f"{memory:.3g} |", flush=True)
        other = costs.get("real", RECORDED["watch"])
        print(f"\nCPU of Weir over the real one's{'' if peer else ' as recorded'}: "
              f"{costs['weir'] / other:.3f} (aim: under 15 us).", flush=True)


class Watch:
    """Follows a resource from its list on, and which of its objects are as wanted."""

    def __init__(self, side, path):
        self.side, self.path = side, path
        self.objects, self.good, self.changed = {}, set(), threading.Condition()
        self.wanted = lambda o: True
        listed = side.request("GET", path)
        for item in listed["items"]:
            self.take(item)
        self.connection = side.open()
        self.connection.request(
            "GET", f"{path}?watch=1&resourceVersion={listed['metadata']['resourceVersion']}",
            headers={"Authorization": "Bearer " + side.token})
        self.answer = self.connection.getresponse()
        threading.Thread(target=self.follow, daemon=True).start()

    def take(self, item):
        name = item["metadata"]["name"]
        self.objects[name] = item
        (self.good.add if self.wanted(item) else self.good.discard)(name)

    def follow(self):
        with contextlib.suppress(OSError, ValueError, AttributeError, http.client.HTTPException):
            for line in self.answer:
                event = json.loads(line)
                with self.changed:
                    if event["type"] == "DELETED":
                        name = event["object"]["metadata"]["name"]
                        self.objects.pop(name, None)
                        self.good.discard(name)
                    else:
                        self.take(event["object"])
                    self.changed.notify()

    def want(self, wanted):
        """From now on; before what is waited for begins."""
        with self.changed:
            self.wanted = wanted
            self.good = {name for name, item in self.objects.items() if wanted(item)}

    def wait(self, count, timeout=900):
        """Until there are `count` objects, all as wanted."""
        with self.changed:
            if not self.changed.wait_for(
                    lambda: len(self.objects) == count == len(self.good), timeout):
                raise SystemExit(f"{self.side.name}: {self.path}: {len(self.good)} of "
                                 f"{len(self.objects)} objects after {timeout} s")

    def close(self):
        self.connection.sock.shutdown(socket.SHUT_RDWR)


def has(field, replicas):
    """Whether a Deployment says of itself, as it is specified now, that it has so many."""
    def wanted(o):
        status = o.get("status", {})
        return (o["spec"]["replicas"] == replicas and status.get(field, 0) == replicas and
                status.get("observedGeneration") == o["metadata"]["generation"])
    return wanted


def phases(args, side, field, labels):
    """(name, seconds, CPU seconds, memory) of creating, then scaling, then deleting."""
    deployments = Watch(side, DEPLOYMENTS)
    names = [f"d{i}" for i in range(args.deployments)]

    def create():
        deployments.want(has(field, 1))
        for name in names:
            side.request("POST", DEPLOYMENTS, deployment(name, 1, labels))
        deployments.wait(len(names))

    def scale():
        deployments.want(has(field, 2))
        for name in names:
            side.request("PATCH", f"{DEPLOYMENTS}/{name}/scale", {"spec": {"replicas": 2}},
                         "application/merge-patch+json")
        deployments.wait(len(names))

    def delete():
        pods = Watch(side, f"{NS}/pods")
        for name in names:
            side.request("DELETE", f"{DEPLOYMENTS}/{name}", {"propagationPolicy": "Background"})
        deployments.wait(0)
        pods.wait(0)
        pods.close()

    for name, act in (("created", create), ("scaled to 2 pods each", scale), ("deleted", delete)):
        before, begin = side.cpu(), time.monotonic()
        act()
        yield name, time.monotonic() - begin, side.cpu() - before, side.memory()
        pause(2)
    deployments.close()


def bench_deployments(args):
    print(f"\n### {args.deployments} Deployments of one pod created, scaled and deleted\n\n"
          "| | seconds | CPU seconds | memory MB | real seconds | real CPU seconds | real memory MB | "
          "CPU, Weir / real |\n|---|---|---|---|---|---|---|---|", flush=True)
    # The label keeps the real side's stand-in for a kubelet off these pods: controllers alone.
    labels = {"stub/pending": ""}
    with sides(args, "--kubelet", "none", kcm_flags=KCM_FLAGS, with_controllers=True) as (weir, peer):
        own = phases(args, weir, "replicas", labels)
        real = phases(args, peer, "replicas", labels) if peer else [None] * 3
        for (name, seconds, cpu, memory), other in zip(list(own), list(real)):
            beside = "- | - | - | -"
            if other:
                beside = f"{other[1]:.3g} | {other[2]:.3g} | {other[3]:.3g} | {cpu / other[2]:.3f}"
            print(f"| no processes: {name} | {seconds:.3g} | {cpu:.3g} | {memory:.3g} | {beside} |",
                  flush=True)
    with new_cluster(args) as c:
        weir = Side("weir", c.server, c.token, c.dir / "pki/ca.crt", [c.process.pid])
        for name, seconds, cpu, memory in phases(args, weir, "readyReplicas", {}):
            print(f"| with a process each: {name} | {seconds:.3g} | {cpu:.3g} | {memory:.3g} | "
                  "- | - | - | - |", flush=True)


SECTIONS = {"requests": bench_requests, "watches": bench_watches, "deployments": bench_deployments}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", required=True)
    parser.add_argument("--kubectl", required=True)
    parser.add_argument("--watchers-program", required=True)
    parser.add_argument("--only", choices=list(SECTIONS))
    parser.add_argument("--no-peer", action="store_true", help="compare with recorded figures")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--watchers", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--deployments", type=int, default=500)
    args = parser.parse_args()
    for name, section in SECTIONS.items():
        if args.only in (None, name):
            section(args)


if __name__ == "__main__":
    main()
