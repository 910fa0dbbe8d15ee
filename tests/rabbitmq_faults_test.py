#!/usr/bin/env python3
"""What breaks around a RabbitMQ queue: workers and the broker die, a queue goes, a message kills."""
import os
import pathlib
import signal
import sys
import urllib.error
import urllib.request

from harness import (HPAS, NS, ROOT, check, cluster, ready_replicas, replicas,
                     run_cases, service_ip, wait_for)

sys.path.insert(0, str(ROOT / "tools"))
from cluster import done_ids, rabbit, rabbit_messages  # noqa: E402

EXAMPLE = ROOT / "examples/rabbitmq-worker"


def start(c, *skip, per_message="1s", env=None):
    """Applies the example, without the named files, with workers of that speed."""
    for path in sorted(EXAMPLE.glob("*.yaml")):
        text = path.read_text()
        if path.name == "worker.yaml":
            extra = "".join(f"        - name: {k}\n          value: {v}\n"
                            for k, v in (env or {}).items())
            text = text.replace("        env:\n", f"        args: [\"--per-msg\", \"{per_message}\"]\n"
                                "        env:\n" + extra)
        if path.name not in skip:
            c.kubectl("apply", "-f", "-", stdin=text)
    for name in ("rabbit-mq", "web-server", "rabbitmq-exporter"):
        wait_for(f"{name} to be ready", lambda n=name: ready_replicas(c, n) > 0, 120)
    wait_for("a first message to be confirmed", lambda: publish(c, "first")[0] == 200, 60)


def publish(c, body):
    """GET /generate through the Service; (status, text)."""
    url = f"http://{service_ip(c, 'web-server')}:3000/generate?body={body}"
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def publish_all(c, count):
    """Publishes so many; the ids that were confirmed."""
    ids = set()
    for i in range(count):
        status, text = publish(c, f"order-{i}")
        if status == 200:
            ids.add(text.split()[1])
    return ids


def done(c):
    try:
        return set(done_ids(service_ip(c, "rabbit-mq")))
    except Exception:  # noqa: BLE001 - the broker may be away; the caller asks again
        return set()


def pods(c, app):
    return c.get(f"{NS}/pods?labelSelector=app%3D{app}")["items"]


def process_of(pod, program):
    """The process of the pod that runs the program."""
    marker = f"POD_IP={pod['status']['podIP']}\0".encode()
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name = (path / "cmdline").read_bytes().split(b"\0")[0].decode().rsplit("/", 1)[-1]
            if name == program and marker in (path / "environ").read_bytes():
                return int(path.name)
        except OSError:
            continue
    return None


def kill(c, app, program):
    pid = wait_for(f"a process of {app}", lambda: next(
        (p for p in (process_of(pod, program) for pod in pods(c, app)) if p), None), 20)
    os.kill(pid, signal.SIGKILL)


def workers_killed(args):
    """Each message is redelivered, and done once in the end."""
    with cluster(args) as c:
        start(c, "hpa.yaml")
        c.kubectl("scale", "deployment", "worker", "--replicas=3")
        wait_for("three workers", lambda: ready_replicas(c, "worker") == 3, 30)
        ids = publish_all(c, 20)
        check(len(ids) == 20, f"{len(ids)} of 20 messages were confirmed")
        for _ in range(3):
            before = len(done(c))
            wait_for("work to go on", lambda b=before: len(done(c)) > b, 60)
            kill(c, "worker", "worker")
        wait_for("all messages to be done", lambda: ids <= done(c), 120)
        wait_for("the queue to be empty", lambda: rabbit_messages(
            service_ip(c, "rabbit-mq"), "Orders") == 0, 60)


def broker_killed_in_mid_burst(args):
    """What the broker confirmed is there when it is back, and done once in the end."""
    with cluster(args) as c:
        start(c)
        ids = publish_all(c, 45)
        wait_for("work to begin", lambda: ready_replicas(c, "worker") >= 2, 60)
        kill(c, "rabbit-mq", "beam.smp")
        status, text = publish(c, "late")
        check(status == 503 and "rabbitmq" in text, f"publishing to a dead broker: {status} {text}")
        wait_for("the broker to be back", lambda: publish(c, "back")[0] == 200, 120)
        wait_for("all confirmed messages to be done", lambda: ids <= done(c), 180)
        wait_for("one worker to be left", lambda: replicas(c, "worker") == 1, 120)


def queue_deleted_under_its_hpa(args):
    """Unknown is not zero: the replicas stay as they are, and the HPA says why."""
    with cluster(args) as c:
        start(c, "worker.yaml")
        # Scaled like the workers, but nobody makes the queue again.
        c.kubectl("create", "deployment", "worker", "--image=busybox", "--", "sleep", "100000")
        publish_all(c, 45)
        wait_for("the HPA to scale up", lambda: replicas(c, "worker") >= 3, 60)
        status, text = rabbit(service_ip(c, "rabbit-mq"), "DELETE", "queues/%2F/Orders")
        check(status == 204, f"deleting the queue: {status} {text}")

        def condition():
            status = c.get(f"{HPAS}/worker-scaler").get("status", {})
            return next((x for x in status.get("conditions", []) if x["type"] == "ScalingActive"),
                        None)

        wait_for("the HPA to say that the metric is unknown",
                 lambda: condition()["status"] == "False", 40)
        check(condition()["reason"] == "FailedGetExternalMetric", condition())
        held = replicas(c, "worker")
        check(held >= 3, f"{held} replicas are left")
        status, text = publish(c, "again")
        check(status == 200, f"publishing to a queue that was deleted: {status} {text}")
        wait_for("the HPA to scale down when the queue is there again",
                 lambda: replicas(c, "worker") == 1, 60)


def message_that_kills_its_workers(args):
    """It is put off for ever longer, its workers are restarted, and the rest flows."""
    with cluster(args) as c:
        start(c, "hpa.yaml", per_message="200ms", env={"DIE_AT": "poison"})
        c.kubectl("scale", "deployment", "worker", "--replicas=2")
        wait_for("two workers", lambda: ready_replicas(c, "worker") == 2, 30)
        check(publish(c, "poison")[0] == 200, "publishing failed")
        ids = publish_all(c, 20)
        wait_for("the rest to be done", lambda: ids <= done(c), 60)
        wait_for("a worker to have died of it", lambda: any(
            s["restartCount"] >= 1 for p in pods(c, "worker")
            for s in p["status"].get("containerStatuses", [])), 60)
        queues = rabbit(service_ip(c, "rabbit-mq"), "GET", "queues")[1]
        check("Orders.retry" in {q["name"] for q in queues}, queues)
        more = publish_all(c, 10)
        wait_for("what came later to be done", lambda: more <= done(c), 90)


CASES = [workers_killed, broker_killed_in_mid_burst, queue_deleted_under_its_hpa,
         message_that_kills_its_workers]

if __name__ == "__main__":
    run_cases(CASES)
