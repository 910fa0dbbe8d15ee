#!/usr/bin/env python3
"""Measures RabbitMQ's part, and prints a Markdown table a section:

  bursts   burst to decision and to the first ready worker, at random phase, hop by hop
  scrapes  a scrape of 1, 1,000 and 10,000 queues beside RabbitMQ's own Prometheus plugin

usage: rabbitmq.py --weir PROGRAM --kubectl PROGRAM [--only SECTION] [--bursts N]"""
import argparse
import os
import pathlib
import random
import re
import statistics
import subprocess
import time
import urllib.request

from local_cluster import NS, ROOT, cpu_seconds, header, instant, new_cluster, row
from cluster import rabbit, wait_for

EXAMPLE = ROOT / "examples/rabbitmq-worker"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def ready(c, name):
    return c.get(f"{DEPLOYMENTS}/{name}").get("status", {}).get("readyReplicas", 0)


def replicas(c):
    return c.get(f"{DEPLOYMENTS}/worker").get("status", {}).get("replicas", 0)


def ip_of(c, service):
    return c.get(f"{NS}/services/{service}")["spec"]["clusterIP"]


def pause(seconds):
    end = time.monotonic() + seconds
    wait_for("a moment", lambda: time.monotonic() >= end, seconds + 5, 0.01)


def generate(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.status == 200


def bench_bursts(args):
    header("RabbitMQ: bursts of 45 messages at random phase, a scrape each second")
    names = [("sampled", "committed", "exporter asked to sample committed"),
             ("committed", "decided", "sample committed to decision"),
             ("decided", "written", "decision to scale written"),
             ("written", "podCreated", "scale written to pod created"),
             ("podCreated", "podReady", "pod created to pod ready")]
    hops, published, decisions, readies = {n[2]: [] for n in names}, [], [], []
    with new_cluster(args, "--downscale-stabilization", "1s") as c:
        c.kubectl("apply", "-f", EXAMPLE)
        for name in ("rabbit-mq", "web-server", "rabbitmq-exporter", "worker"):
            wait_for(name, lambda n=name: ready(c, n), 120)
        url = f"http://{ip_of(c, 'web-server')}:3000/generate"
        broker = ip_of(c, "rabbit-mq")
        wait_for("a first message", lambda: generate(url), 60)
        for _ in range(args.bursts):
            rabbit(broker, "DELETE", "queues/%2F/Orders/contents")
            wait_for("one worker", lambda: replicas(c) == 1, 90)
            # That was a sync period after the last scale-up, so that a Value target may scale up again.
            pause(1 + random.random())
            begin = time.time()
            for _ in range(45):
                generate(url)
            published.append(time.time() - begin)

            def hop():
                items = [i for i in c.get("/debug/weir/hops")["items"] if i["from"] == 1 and
                         instant(i["decided"]) >= begin and i["podReady"]]
                return items and items[0]

            item = wait_for("the scale-up", hop, 30)
            decisions.append(instant(item["decided"]) - begin)
            readies.append(instant(item["podReady"]) - instant(item["decided"]))
            for first, second, name in names:
                if item.get(first) and item.get(second):
                    hops[name].append(1000 * (instant(item[second]) - instant(item[first])))
    row("first to last message published, confirmed each", published, "s")
    row("first message to decision", decisions, "s", "0.7 s mean, 1.3 s worst")
    row("decision to first ready worker", readies, "s", "0.3 s")
    for name, values in hops.items():
        row(name, values, "ms")


def process_of(c, program, ip):
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cmdline").read_bytes().split(b"\0")[0].decode().endswith(program) and \
                    f"POD_IP={ip}\0".encode() in (path / "environ").read_bytes():
                return int(path.name)
        except OSError:
            continue
    raise SystemExit(f"no process {program}")


def scrapes(url, count, pids):
    """Milliseconds of each scrape; CPU milliseconds a scrape of the processes together."""
    urllib.request.urlopen(url, timeout=120).read()
    pause(6)  # what the first scrape set going
    cpu, times = sum(map(cpu_seconds, pids)), []
    begin = time.monotonic()
    for _ in range(count):
        start = time.monotonic()
        urllib.request.urlopen(url, timeout=120).read()
        times.append(1000 * (time.monotonic() - start))
        pause(max(0.0, 1 - (time.monotonic() - start)))
    busy = sum(map(cpu_seconds, pids)) - cpu
    elapsed = time.monotonic() - begin
    pause(5)
    idle = sum(map(cpu_seconds, pids))
    pause(5)
    idle = (sum(map(cpu_seconds, pids)) - idle) / 5
    return times, 1000 * max(0.0, busy - idle * elapsed) / count


def bench_scrapes(args):
    print("\n### RabbitMQ: scrapes, one each second, beside the broker's own plugin\n\n"
          "| queues | scraped | median ms | p99 ms | CPU ms a scrape, exporter and broker | "
          "CPU / plugin's | p99 / plugin's |\n|---|---|---|---|---|---|---|", flush=True)
    with new_cluster(args) as c:
        c.kubectl("apply", "-f", EXAMPLE / "rabbitmq.yaml")
        wait_for("rabbit-mq", lambda: ready(c, "rabbit-mq"), 120)
        broker = next(p["status"]["podIP"] for p in c.get(f"{NS}/pods")["items"])
        wait_for("the management API", lambda: rabbit(broker, "GET", "overview")[0] == 200, 60)
        beam = process_of(c, "beam.smp", broker)
        made = 0
        for total in args.queues:
            status, text = rabbit(broker, "POST", "definitions", {"queues": [
                {"name": f"q{i}", "vhost": "/", "durable": False, "auto_delete": False,
                 "arguments": {}} for i in range(made, total)]}, 300)
            if status not in (200, 201, 204):
                raise SystemExit(f"{status} {text}")
            made = total
            pause(10)
            env = dict(os.environ) | {"RABBIT_URL": f"http://{broker}:15672", "PUBLISH_PORT": "0"}
            exporter = subprocess.Popen([args.weir, "exporter", "rabbitmq"], env=env, text=True,
                                        stdout=subprocess.PIPE)
            try:
                port = re.search(r"port (\d+)", exporter.stdout.readline()).group(1)
                sources = [
                    ("plugin, all metrics per object", f"http://{broker}:15692/metrics", [beam]),
                    ("plugin, queue_coarse_metrics alone",
                     f"http://{broker}:15692/metrics/detailed?family=queue_coarse_metrics", [beam]),
                    ("`weir exporter rabbitmq`", f"http://127.0.0.1:{port}/metrics",
                     [exporter.pid, beam])]
                plugin = None
                for name, url, pids in sources:
                    times, cpu = scrapes(url, args.scrapes, pids)
                    times.sort()
                    p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
                    plugin = plugin or (cpu, p99)
                    print(f"| {total} | {name} | {statistics.median(times):.3g} | {p99:.3g} | "
                          f"{cpu:.3g} | {cpu / max(plugin[0], 0.01):.2f} | {p99 / plugin[1]:.2f} |",
                          flush=True)
            finally:
                exporter.terminate()
                exporter.wait()


SECTIONS = {"bursts": bench_bursts, "scrapes": bench_scrapes}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", required=True)
    parser.add_argument("--kubectl", required=True)
    parser.add_argument("--only", choices=list(SECTIONS))
    parser.add_argument("--bursts", type=int, default=20)
    parser.add_argument("--scrapes", type=int, default=30)
    parser.add_argument("--queues", type=int, nargs="+", default=[1, 1000, 10000])
    args = parser.parse_args()
    for name, section in SECTIONS.items():
        if args.only in (None, name):
            section(args)


if __name__ == "__main__":
    main()
