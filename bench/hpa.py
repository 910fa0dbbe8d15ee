#!/usr/bin/env python3
"""Measures autoscalers, and prints a Markdown table a section:

  decision  a decision without I/O, by number of pods and metrics (wants --decision-program)
  many      a thousand autoscalers with 10 pods each at metrics of 1 s; the pods are objects alone

usage: hpa.py --weir PROGRAM --kubectl PROGRAM [--decision-program PROGRAM] [--only SECTION]
       [--autoscalers N] [--seconds N]"""
import argparse
import concurrent.futures
import http.client
import http.server
import json
import pathlib
import re
import subprocess
import tempfile
import threading
import time

from local_cluster import ROOT, cpu_seconds, memory_mb, new_cluster  # noqa: F401
from cluster import Failure, wait_for

NS = "/api/v1/namespaces/default"
APPS = "/apis/apps/v1/namespaces/default"
HPAS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
PODS_EACH = 10
SYNC_PERIOD = 15

ADAPTER = """
externalRules:
- seriesQuery: 'bench_queue'
  resources: {namespaced: false}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>})
- seriesQuery: 'bench_shared'
  resources: {namespaced: false}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>})
"""


def bench_decision(args):
    print("\n### A decision without I/O\n\n| target | metrics | 1 pod | 10 pods | 100 pods | 1,000 pods | unit |\n"
          "|---|---|---|---|---|---|---|", flush=True)
    lines = [json.loads(line) for line in subprocess.run(
        [args.decision_program], capture_output=True, text=True, check=True).stdout.splitlines()]
    for kind, metrics in dict.fromkeys((line["kind"], line["metrics"]) for line in lines):
        cells = [f"{x['us']:.3g}" for x in lines if (x["kind"], x["metrics"]) == (kind, metrics)]
        print(f"| {kind} | {metrics} | {' | '.join(cells)} | us |", flush=True)


class Metrics:
    """An exporter with a series for each autoscaler, and one that all of them share."""

    def __init__(self, count):
        self.values = [100.0] * count
        self.shared = 100.0
        self.wobble = False
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802 - the name is http.server's
                body = outer.page()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self):
        if self.wobble:
            self.values = [201 - v for v in self.values]  # 100 and 101 by turns: within tolerance
            self.shared = 201 - self.shared
        lines = [f'bench_queue{{queue="q{i}"}} {v}' for i, v in enumerate(self.values)]
        return ("\n".join(lines) + f"\nbench_shared {self.shared}\n").encode()


class Api:
    """Many requests over a few connections that stay open."""

    def __init__(self, c, threads=4):
        self.c, self.local = c, threading.local()
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)

    def one(self, method, path, body, content_type):
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPSConnection("127.0.0.1", self.c.port,
                                                                context=self.c.tls, timeout=60)
        connection = self.local.connection
        connection.request(method, path, json.dumps(body), {
            "Authorization": "Bearer " + self.c.token, "Content-Type": content_type})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise Failure(f"{method} {path}: {answer.status} {text[:200]}")

    def all(self, method, requests, content_type="application/json"):
        for done in [self.pool.submit(self.one, method, path, body, content_type)
                     for path, body in requests]:
            done.result()


def deployment(i):
    labels = {"app": f"w{i}"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": f"w{i}"},
            "spec": {"replicas": PODS_EACH, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                         {"name": "app", "image": "busybox",
                          "resources": {"requests": {"cpu": "100m"}}}]}}}}


def autoscaler(i, kind, shared):
    metric = {"name": "bench_shared"} if shared else {
        "name": "bench_queue", "selector": {"matchLabels": {"queue": f"q{i}"}}}
    target = {"type": "AverageValue", "averageValue": "10"} if kind == "AverageValue" else {
        "type": "Value", "value": "100"}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": f"w{i}"},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment",
                                        "name": f"w{i}"},
                     "minReplicas": 1, "maxReplicas": 100,
                     "metrics": [{"type": "External",
                                  "external": {"metric": metric, "target": target}}]}}


def items(c, path):
    """All objects of a list, page by page."""
    found, more = [], ""
    while True:
        answer = c.get(f"{path}?limit=200{more}")
        found += answer["items"]
        token = answer["metadata"].get("continue")
        if not token:
            return found
        more = "&continue=" + token


def page(c):
    text = c.request("GET", "/metrics")[1]
    buckets = {float(le.replace("+Inf", "inf")): int(float(n)) for le, n in re.findall(
        r'^weir_hpa_wake_seconds_bucket\{le="([^"]+)"\} (\S+)', text, re.M)}
    passes = int(float(re.search(r"^weir_hpa_passes_total (\S+)", text, re.M).group(1)))
    return buckets, passes


def quantile(before, after, share):
    """The upper end of the bucket in which that share is reached, in ms."""
    grown = {le: after[le] - before.get(le, 0) for le in sorted(after)}
    total = grown.get(float("inf"), 0)
    for le, n in grown.items():
        if total and n >= share * total:
            return le * 1000
    return float("nan")


def pause(seconds):
    end = time.monotonic() + seconds
    wait_for("a moment", lambda: time.monotonic() >= end, seconds + 5, 0.01)


def make_targets(c, api, count):
    """Deployments with their pods, each called ready by hand."""
    api.all("POST", [(f"{APPS}/deployments", deployment(i)) for i in range(count)])
    wait_for("all pods", lambda: len(items(c, f"{NS}/pods")) == count * PODS_EACH, 300, 1)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ready = {"status": {"phase": "Running", "startTime": now, "conditions": [
        {"type": "Ready", "status": "True", "lastTransitionTime": now}]}}
    names = [p["metadata"]["name"] for p in items(c, f"{NS}/pods")]
    api.all("PATCH", [(f"{NS}/pods/{name}/status", ready) for name in names],
            "application/merge-patch+json")
    wait_for("the Deployments to see them", lambda: all(
        d["status"].get("readyReplicas") == PODS_EACH
        for d in items(c, f"{APPS}/deployments")), 300, 1)


def settle(c):
    """Until a second goes by with less than a hundredth of it used."""
    def quiet():
        before = cpu_seconds(c.process.pid)
        pause(1)
        return cpu_seconds(c.process.pid) - before < 0.2
    wait_for("quiet", quiet, 120)


def run_many(args, c, api, metrics, kind, shared):
    """One kind of autoscaler: rows of the table."""
    count = args.autoscalers
    before_mb = memory_mb(c.process.pid)
    api.all("POST", [(HPAS, autoscaler(i, kind, shared)) for i in range(count)])
    wait_for("all autoscalers at work", lambda: all(
        h.get("status", {}).get("currentMetrics") for h in items(c, HPAS)), 120, 1)
    pause(SYNC_PERIOD)
    each_kb = 1024 * (memory_mb(c.process.pid) - before_mb) / count
    metrics.wobble = True
    pause(3)
    (before, passes), cpu, begin = page(c), cpu_seconds(c.process.pid), time.monotonic()
    pause(args.seconds)
    (after, passes_after), seconds = page(c), time.monotonic() - begin
    cpu = cpu_seconds(c.process.pid) - cpu
    metrics.wobble = False
    rate = (passes_after - passes) / seconds
    cells = [f"{quantile(before, after, q):.3g}" for q in (0.5, 0.99, 1)]
    what = f"{kind}, " + ("one metric for all" if shared else "a metric each")
    print(f"| {what} | {' | '.join(cells)} | {rate:.0f} | {100 * cpu / seconds:.0f} | "
          f"{1e6 * cpu / max(1, passes_after - passes):.0f} | {each_kb:.1f} |", flush=True)
    api.all("DELETE", [(f"{HPAS}/w{i}", None) for i in range(count)])
    settle(c)


def bench_many(args):
    print(f"\n### {args.autoscalers} autoscalers with {PODS_EACH} pods each, metrics each second\n\n"
          "| target | p50 ms | p99 ms | worst ms | passes/s | CPU % of a core | CPU us a pass | KB each |\n"
          "|---|---|---|---|---|---|---|---|", flush=True)
    metrics = Metrics(args.autoscalers)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "adapter.yaml").write_text(ADAPTER)
        (folder / "scrape.yaml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "bench", "static_configs": [
                {"targets": [f"127.0.0.1:{metrics.server.server_port}"]}]}]}))
        with new_cluster(args, "--kubelet", "none", "--scrape-config", folder / "scrape.yaml",
                         "--adapter-config", folder / "adapter.yaml") as c:
            api = Api(c)
            make_targets(c, api, args.autoscalers)
            settle(c)
            for kind in ("AverageValue", "Value"):
                for shared in (False, True):
                    run_many(args, c, api, metrics, kind, shared)
    print(f"\nFrom the commit of a sample to the decision; the upper ends of the histogram's buckets. "
          f"By the sync period alone ({SYNC_PERIOD} s) a change waits {SYNC_PERIOD / 2:.1f} s on average and "
          f"{0.99 * SYNC_PERIOD:.1f} s at p99.", flush=True)


SECTIONS = {"decision": bench_decision, "many": bench_many}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", required=True)
    parser.add_argument("--kubectl", required=True)
    parser.add_argument("--decision-program")
    parser.add_argument("--only", choices=list(SECTIONS))
    parser.add_argument("--autoscalers", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    args = parser.parse_args()
    for name, section in SECTIONS.items():
        if args.only in (None, name) and (name != "decision" or args.decision_program):
            section(args)


if __name__ == "__main__":
    main()
