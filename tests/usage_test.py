#!/usr/bin/env python3
"""Autoscalers on what pods' processes really use, through metrics.k8s.io: CPU as a share of requests with
a consumer that burns it, made by `kubectl autoscale`; memory as an average, from a manifest. Both go up
and come back down, and kubectl shows what they use."""
import json
import re
import tempfile

from harness import EXAMPLE, HPAS, check, cluster, events, ready_replicas, redis, replicas, \
    run_cases, service_ip, wait_for

BURNER = {
    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "burner"},
    "spec": {"selector": {"matchLabels": {"app": "burner"}},
             "template": {"metadata": {"labels": {"app": "burner"}}, "spec": {
                 "terminationGracePeriodSeconds": 1,
                 "containers": [{
                     "name": "burner", "image": "weir/consumer:0.1",
                     "resources": {"requests": {"cpu": "50m"}},
                     "args": ["--redis-server", "redis-master:6379", "--redis-queue", "jobs",
                              "--per-msg", "200ms", "--cpu-burn"]}]}}}}

# Holds as many MiB as a file says.
HOLDER = """
import sys, time
held = b""
while True:
    want = int(open(sys.argv[1]).read() or 0) << 20
    if want != len(held):
        held = b"x" * want
    time.sleep(0.1)
"""


def holder(path):
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "holder"},
        "spec": {"selector": {"matchLabels": {"app": "holder"}},
                 "template": {"metadata": {"labels": {"app": "holder"}}, "spec": {
                     "terminationGracePeriodSeconds": 0,
                     "containers": [{"name": "holder", "image": "holder",
                                     "command": ["python3", "-c", HOLDER, path]}]}}}}


MEMORY_HPA = {
    "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "holder"},
    "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "holder"},
             "minReplicas": 1, "maxReplicas": 2,
             "metrics": [{"type": "Resource", "resource": {
                 "name": "memory", "target": {"type": "AverageValue", "averageValue": "64Mi"}}}]}}


def reasons(c, name):
    return [e["message"] for e in events(c, name=name) if e["reason"] == "SuccessfulRescale"]


def target_of(c, name):
    """The TARGETS of `kubectl get hpa`."""
    return re.split(r"  +", c.kubectl("get", "hpa", name).splitlines()[1])[2]


def utilisation(c):
    found = re.search(r"(\d+)%/50%", target_of(c, "burner"))
    return int(found.group(1)) if found else None


def real_usage_scales(args):
    with cluster(args, "--hpa-sync-period", "2s") as c, tempfile.NamedTemporaryFile("w") as held:
        held.write("10")
        held.flush()
        c.kubectl("apply", "-f", EXAMPLE / "redis.yaml")
        for manifest in (BURNER, holder(held.name), MEMORY_HPA):
            c.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
        for name in ("redis-master", "burner", "holder"):
            wait_for(f"{name} to be ready", lambda n=name: ready_replicas(c, n) == 1, 30)
        autoscaled = c.kubectl("autoscale", "deployment", "burner", "--cpu-percent=50", "--min=1",
                               "--max=3")
        check("autoscaled" in autoscaled, autoscaled)
        wait_for("the idle consumer's usage", lambda: utilisation(c) is not None, 30)
        check(utilisation(c) < 50 and replicas(c, "burner") == 1, target_of(c, "burner"))

        queue = service_ip(c, "redis-master")
        redis(queue, "RPUSH", "jobs", *["x"] * 5000)
        held.seek(0)
        held.write("128")
        held.flush()
        wait_for("three consumers", lambda: replicas(c, "burner") == 3, 30)
        wait_for("two holders", lambda: replicas(c, "holder") == 2, 30)
        wait_for("kubectl top to show all pods", lambda: len(re.findall(
            r"^burner-\S+ +\d+m +\d+Mi", c.kubectl("top", "pods"), re.M)) == 3, 30)
        top = c.kubectl("top", "pods")
        busy = max(int(m) for m in re.findall(r"^burner-\S+ +(\d+)m", top, re.M))
        check(busy > 25, top)
        held_by = [int(m) for m in re.findall(r"^holder-\S+ +\d+m +(\d+)Mi", top, re.M)]
        check(max(held_by) >= 128, top)
        check("weir" in c.kubectl("top", "nodes"), "top nodes")

        redis(queue, "DEL", "jobs")
        held.seek(0)
        held.truncate()
        held.write("10")
        held.flush()
        wait_for("one consumer again", lambda: replicas(c, "burner") == 1, 40)
        wait_for("one holder again", lambda: replicas(c, "holder") == 1, 40)
        said = reasons(c, "burner")
        check(any("cpu resource utilization (percentage of request) above target" in m for m in said)
              and any("All metrics below target" in m for m in said), said)
        check(any("memory resource above target" in m for m in reasons(c, "holder")),
              reasons(c, "holder"))
        conditions = {x["type"]: x["reason"] for x in c.get(f"{HPAS}/burner")["status"]["conditions"]}
        check(conditions["ScalingActive"] == "ValidMetricFound", conditions)


run_cases([real_usage_scales])
