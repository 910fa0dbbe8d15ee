#!/usr/bin/env python3
"""The demo: a Redis list scales its consumers from none to many and back, through the whole chain.

usage: demo.py --weir PROGRAM --kubectl PROGRAM [--keep] [--items N]"""
import argparse
import datetime
import shutil
import signal
import sys
import time
import urllib.request

from cluster import ROOT, Cluster, Ended, Failure, redis, wait_for

NAMESPACE = "default"
METRIC = ("/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/services/"
          "prometheus-redis-exporter/redis_items_in_queue")
HPA = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/consumer"
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/consumer"


def say(text=""):
    print(text, flush=True)


class Demo:
    def __init__(self, cluster, items):
        self.cluster, self.items = cluster, items
        self.most_ready = 0

    def service_ip(self, name):
        return self.cluster.get(f"/api/v1/namespaces/default/services/{name}")["spec"]["clusterIP"]

    def queue(self):
        items = self.cluster.get(METRIC)["items"]
        return items[0]["value"] if items else "?"

    def state(self):
        hpa = self.cluster.get(HPA)
        status = self.cluster.get(DEPLOYMENT).get("status", {})
        try:
            queue = self.queue()
        except Failure:
            queue = "unknown"
        metrics = hpa["spec"]["metrics"][0]["object"]["target"]["averageValue"]
        return {"queue": queue, "target": metrics,
                "desired": hpa.get("status", {}).get("desiredReplicas", 0),
                "ready": status.get("readyReplicas", 0), "replicas": status.get("replicas", 0),
                "done": int(redis(self.redis_ip, "GET", "jobs:done") or 0)}

    def apply(self):
        say("$ kubectl apply -f examples/redis-consumer")
        say(self.cluster.kubectl("apply", "-f", ROOT / "examples/redis-consumer").rstrip())
        say()

    def settle(self):
        say("waiting until everything runs and the HPA has taken the consumers to 0 ...")
        for name in ("redis-master", "producer", "prometheus-redis-exporter"):
            wait_for(f"deployment {name}", lambda n=name: self.cluster.get(
                f"/apis/apps/v1/namespaces/default/deployments/{n}").get("status", {}).get(
                    "readyReplicas"), 60)
        self.redis_ip = self.service_ip("redis-master")
        wait_for("the HPA to take the consumers to 0",
                 lambda: self.state()["replicas"] == 0 and self.state()["queue"] == "0", 90)
        say(self.cluster.kubectl("get", "hpa,deployments").rstrip())
        say()

    def burst(self):
        url = f"http://{self.service_ip('producer')}:8080/publish/{self.items}"
        say(f"$ curl -X POST http://producer:8080/publish/{self.items}")
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as a:
            say(a.read().decode().strip())
        say()
        begin = time.monotonic()
        say("second  queue  target  desired  ready  done")
        while True:
            state = self.state()
            self.most_ready = max(self.most_ready, state["ready"])
            elapsed = time.monotonic() - begin
            say(f"{elapsed:6.0f}  {state['queue']:>5}  {state['target']:>6}  "
                f"{state['desired']:>7}  {state['ready']:>5}  {state['done']:>4}")
            if state["done"] >= self.items and state["replicas"] == 0:
                break
            if elapsed > 60 + self.items:
                raise Failure("the items were not done, or the consumers not back at 0, in time")
            time.sleep(max(0.0, 1 - (time.monotonic() - begin) % 1))
        say()

    def check(self):
        state = self.state()
        published = self.published()
        problems = []
        if self.most_ready < 2:
            problems.append(f"at most {self.most_ready} consumers were ready: expected several")
        if state["done"] != self.items or published != self.items:
            problems.append(f"published {published}, consumed {state['done']}: expected {self.items}")
        if state["replicas"] != 0:
            problems.append(f"{state['replicas']} consumers are left: expected 0")
        if problems:
            raise Failure("; ".join(problems))
        say(f"0 -> {self.most_ready} -> 0 consumers; published {published}, "
            f"consumed {state['done']}")

    def published(self):
        url = f"http://{self.service_ip('producer')}:8080/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith("producer_messages_published_total"):
                    return int(float(line.split()[-1]))
        raise Failure("the producer has no producer_messages_published_total")

    def first_scale_up(self):
        return next((item for item in self.cluster.get("/debug/weir/hops")["items"]
                     if item["hpa"] == "default/consumer" and item["from"] == 0), None)

    def hops(self):
        first = wait_for("the hop times of the scale-up from 0", self.first_scale_up, 10)
        stages = [("sampled", "exporter asked"), ("committed", "sample committed"),
                  ("recorded", "rule recorded"), ("decided", "HPA decided"),
                  ("written", "scale written"), ("podCreated", "pod created"),
                  ("podStarted", "pod started"), ("podReady", "pod ready")]
        say("hop times of the first scale-up, milliseconds since the exporter was asked:")
        start = instant(first["sampled"])
        for key, label in stages:
            if first.get(key) is None:
                raise Failure(f"the scale-up has no time for '{label}'")
            say(f"  {label:<17} {(instant(first[key]) - start).total_seconds() * 1000:8.1f}")

def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def main():
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument("--weir", required=True)
    parser.add_argument("--kubectl", required=True)
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("--items", type=int, default=200)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cluster = Cluster(args.weir, args.kubectl, "--downscale-stabilization", "5s")
    status = 0
    try:
        cluster.start()
        say(f"weir up: ready, {cluster.server}, kubeconfig {cluster.kubeconfig}")
        say()
        demo = Demo(cluster, args.items)
        demo.apply()
        demo.settle()
        demo.burst()
        demo.check()
        demo.hops()
    except (Ended, Failure, OSError) as error:
        say(f"demo failed: {error}")
        say("the last lines of weir's log:")
        say("\n".join(cluster.log_text().splitlines()[-20:]))
        status = 1
    except KeyboardInterrupt:
        status = 130
    if args.keep and cluster.process and cluster.process.poll() is None:
        say()
        say(f"still running (pid {cluster.process.pid}): export KUBECONFIG={cluster.kubeconfig}")
        say(f"stop it with: kill {cluster.process.pid}")
        shutil.rmtree(cluster.cache, ignore_errors=True)
    else:
        cluster.close()
    return status


if __name__ == "__main__":
    sys.exit(main())
