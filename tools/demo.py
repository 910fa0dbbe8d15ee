#!/usr/bin/env python3
"""The demos: a queue scales its workers through the whole chain, up and back.

usage: demo.py [redis|rabbitmq] --weir PROGRAM --kubectl PROGRAM [--keep] [--items N]"""
import argparse
import datetime
import re
import shutil
import signal
import socket
import sys
import time
import urllib.request

from cluster import ROOT, Cluster, Ended, Failure, done_ids, rabbit_messages, redis, wait_for

AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def say(text=""):
    print(text, flush=True)


class Demo:
    """What all demos do; a subclass says with what."""
    example = hpa = workers = workers_name = metric = ""
    services = ()  # deployments that have to be ready
    least = 0      # workers when nothing waits
    items = 0

    def __init__(self, cluster, items):
        self.cluster, self.items = cluster, items or self.items
        self.most_ready = 0

    def service_ip(self, name):
        return self.cluster.get(f"/api/v1/namespaces/default/services/{name}")["spec"]["clusterIP"]

    def queue(self):
        items = self.cluster.get(self.metric)["items"]
        return items[0]["value"] if items else "?"

    def state(self):
        hpa = self.cluster.get(f"{AUTOSCALERS}/{self.hpa}")
        status = self.cluster.get(f"{DEPLOYMENTS}/{self.workers}").get("status", {})
        try:
            queue = self.queue()
        except Failure:
            queue = "unknown"
        return {"queue": queue, "target": self.target(hpa["spec"]["metrics"][0]),
                "desired": hpa.get("status", {}).get("desiredReplicas", 0),
                "ready": status.get("readyReplicas", 0), "replicas": status.get("replicas", 0),
                "done": self.done()}

    def apply(self):
        say(f"$ kubectl apply -f {self.example}")
        say(self.cluster.kubectl("apply", "-f", ROOT / self.example).rstrip())
        say()

    def settle(self):
        say(f"waiting until everything runs and the HPA has taken the {self.workers_name} to "
            f"{self.least} ...")
        for name in self.services:
            wait_for(f"deployment {name}", lambda n=name: self.cluster.get(
                f"{DEPLOYMENTS}/{n}").get("status", {}).get("readyReplicas"), 90)
        self.prepare()
        wait_for(f"the HPA to take the {self.workers_name} to {self.least}", self.rests, 90)
        say(self.cluster.kubectl("get", "hpa,deployments").rstrip())
        say()

    def rests(self):
        state = self.state()
        return state["replicas"] == self.least and state["queue"] == "0"

    def burst(self):
        self.publish()
        say()
        begin = time.monotonic()
        say("second  queue  target  desired  ready  done")
        while True:
            state = self.state()
            self.most_ready = max(self.most_ready, state["ready"])
            elapsed = time.monotonic() - begin
            say(f"{elapsed:6.0f}  {state['queue']:>5}  {state['target']:>6}  "
                f"{state['desired']:>7}  {state['ready']:>5}  {state['done']:>4}")
            if state["done"] >= self.items and state["replicas"] == self.least:
                break
            if elapsed > 60 + self.items * 2:
                raise Failure(f"the items were not done, or the {self.workers_name} not back at "
                              f"{self.least}, in time")
            time.sleep(max(0.0, 1 - (time.monotonic() - begin) % 1))
        say()

    def check(self):
        state = self.state()
        published, done = self.published(), self.distinct_done()
        problems = []
        if self.most_ready < 2:
            problems.append(f"at most {self.most_ready} {self.workers_name} were ready: "
                            "expected several")
        if done != self.items or published != self.items:
            problems.append(f"published {published}, consumed {done}: expected {self.items}")
        if state["replicas"] != self.least:
            problems.append(f"{state['replicas']} {self.workers_name} are left: "
                            f"expected {self.least}")
        if problems:
            raise Failure("; ".join(problems))
        say(f"{self.least} -> {self.most_ready} -> {self.least} {self.workers_name}; "
            f"published {published}, consumed {done}")

    def counter(self, url, pattern):
        """The counter in a metrics page whose series matches."""
        with urllib.request.urlopen(url, timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if re.match(pattern, line):
                    return int(float(line.split()[-1]))
        raise Failure(f"{url} has no {pattern}")

    def first_scale_up(self):
        return next((item for item in self.cluster.get("/debug/weir/hops")["items"]
                     if item["hpa"] == f"default/{self.hpa}" and item["from"] == self.least), None)

    def hops(self):
        first = wait_for(f"the hop times of the scale-up from {self.least}", self.first_scale_up, 10)
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

    def close(self):
        pass


class RedisDemo(Demo):
    """A Redis list; its consumers sleep at 0."""
    example, hpa, workers, workers_name = "examples/redis-consumer", "consumer", "consumer", "consumers"
    services = ("redis-master", "producer", "prometheus-redis-exporter")
    metric = ("/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/services/"
              "prometheus-redis-exporter/redis_items_in_queue")
    items = 200

    def prepare(self):
        self.redis_ip = self.service_ip("redis-master")

    @staticmethod
    def target(metric):
        return metric["object"]["target"]["averageValue"]

    def done(self):
        return int(redis(self.redis_ip, "GET", "jobs:done") or 0)

    distinct_done = done

    def publish(self):
        url = f"http://{self.service_ip('producer')}:8080/publish/{self.items}"
        say(f"$ curl -X POST http://producer:8080/publish/{self.items}")
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as a:
            say(a.read().decode().strip())

    def published(self):
        return self.counter(f"http://{self.service_ip('producer')}:8080/metrics",
                            "producer_messages_published_total")


class RabbitDemo(Demo):
    """A RabbitMQ queue; one worker stays, and messages come through kubectl port-forward."""
    example, hpa, workers, workers_name = "examples/rabbitmq-worker", "worker-scaler", "worker", "workers"
    services = ("rabbit-mq", "web-server", "rabbitmq-exporter", "worker")
    metric = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/rabbitmq_queue_length"
    least = 1
    items = 60
    forward = None

    def prepare(self):
        self.rabbit_ip = self.service_ip("rabbit-mq")

    @staticmethod
    def target(metric):
        return metric["external"]["target"]["value"]

    def done(self):
        return rabbit_messages(self.rabbit_ip, "Orders.done")

    def distinct_done(self):
        return len(set(done_ids(self.rabbit_ip)))

    def publish(self):
        # The port that the walkthrough names, or another where it is taken.
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", 3000)) == 0
        port = ":3000" if taken else "3000"
        say(f"$ kubectl port-forward svc/web-server {port} &")
        self.forward = self.cluster.popen("port-forward", "svc/web-server", port)
        line = self.forward.stdout.readline().strip()
        match = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line)
        if not match:
            raise Failure(f"port-forward says: {line}")
        say(line)
        self.url = f"http://127.0.0.1:{match.group(1)}"
        say(f"$ for i in $(seq {self.items}); do curl -s {self.url}/generate; done | tail -n 1")
        for _ in range(self.items):
            with urllib.request.urlopen(f"{self.url}/generate", timeout=10) as answer:
                last = answer.read().decode().strip()
        say(last)

    def published(self):
        return self.counter(f"{self.url}/metrics",
                            r'http_request_total\{route="/generate",status="200"\}')

    def close(self):
        if self.forward and self.forward.poll() is None:
            self.forward.terminate()
            self.forward.wait(10)


DEMOS = {"redis": RedisDemo, "rabbitmq": RabbitDemo}


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def main():
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__)
    parser.add_argument("demo", nargs="?", choices=sorted(DEMOS), default="redis")
    parser.add_argument("--weir", required=True)
    parser.add_argument("--kubectl", required=True)
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("--items", type=int, default=0, help="how many; each demo has its own")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cluster = Cluster(args.weir, args.kubectl, "--downscale-stabilization", "5s")
    status, demo = 0, None
    try:
        cluster.start()
        say(f"weir up: ready, {cluster.server}, kubeconfig {cluster.kubeconfig}")
        say()
        demo = DEMOS[args.demo](cluster, args.items)
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
    if demo:
        demo.close()
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
