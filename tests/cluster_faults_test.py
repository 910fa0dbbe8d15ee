#!/usr/bin/env python3
"""What must not break the cluster itself: `weir up` killed again and again, a watcher that does not
read, a body that is too large, tokens of another cluster, accounts without rights."""
import asyncio
import http.client
import json
import pathlib
import random
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request

import rabbitmq_faults_test as rabbitmq
from cluster import Ended
from harness import (NS, Failure, alive, check, cluster, descendants, done, object_uids,
                     private_network, redis, run_cases, service_ip, start_example, wait_for,
                     wait_for_zero)

BROKEN = (OSError, http.client.HTTPException, ValueError)  # a request whose server died


# weir up is killed


class Writer:
    """Creates, changes and deletes ConfigMaps, one request after the other, and knows what each may
    be after what was acknowledged."""
    PATH = "/api/v1/namespaces/killed/configmaps"

    def __init__(self, c):
        self.c, self.number, self.acknowledged = c, 0, 0
        self.may_be = {}  # name -> the values that it may have; None: not there

    def run(self, stop):
        while not stop.wait(0.01):
            self.number += 1
            name = f"o{self.number}"
            steps = [("POST", self.PATH, 201, "1"), ("PATCH", f"{self.PATH}/{name}", 200, "2")]
            if self.number % 3 == 0:
                steps.append(("DELETE", f"{self.PATH}/{name}", 200, None))
            for step in steps:
                if not self.write(name, *step):
                    break

    def write(self, name, method, path, wanted, value):
        self.may_be[name] = self.may_be.get(name, {None}) | {value}
        body = {"metadata": {"name": name}, "data": {"v": value}} if value else None
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            status, _ = self.c.request(method, path, body, kind, timeout=5)
        except BROKEN:
            return False  # written or not
        if status != wanted:
            return False
        self.may_be[name] = {value}
        self.acknowledged += 1
        return True

    def compare(self, objects):
        """After that, what is there now is known."""
        there = {o["metadata"]["name"]: o["data"].get("v") for o in objects}
        for name, values in self.may_be.items():
            check(there.get(name) in values,
                  f"ConfigMap {name} is {there.get(name)}: acknowledged was one of {values}")
            self.may_be[name] = {there.get(name)}


class Publisher:
    """Puts items into the Redis list one by one, and knows how many there may be in all."""

    def __init__(self, redis_ip, producer_ip):
        self.redis_ip, self.url = redis_ip, f"http://{producer_ip}:8080/publish/1"
        self.least = self.most = 0
        self.wrong = None

    def run(self, stop):
        compared = False
        while not stop.wait(0.05):
            try:
                if not compared:
                    self.compare()
                    compared = True
                self.publish()
            except (Failure, *BROKEN):
                pass  # Redis or the producer is not up yet

    def compare(self):
        """Redis counts in the same step in which it takes the items."""
        there = int(redis(self.redis_ip, "GET", "jobs:published") or 0)
        if not self.least <= there <= self.most:
            self.wrong = f"{there} items were published: expected {self.least} to {self.most}"
        self.least = self.most = there

    def publish(self):
        self.most += 1
        try:
            request = urllib.request.Request(self.url, method="POST")
            with urllib.request.urlopen(request, timeout=5) as answer:
                self.least += answer.status == 200
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionRefusedError):
                self.most -= 1
            raise


class Killer(threading.Thread):
    """SIGKILL for `weir up`, so long after `go`."""

    def __init__(self, c, delay):
        super().__init__()
        self.c, self.delay, self.children = c, delay, []
        self.go = threading.Event()

    def run(self):
        self.go.wait()
        time.sleep(self.delay)
        process = self.c.process
        self.children = descendants(process.pid)
        process.kill()
        process.wait()

    def check_nothing_is_left(self):
        wait_for("every process of the cluster to be gone", lambda: not processes_of(self.c) and
                 not any(alive(p) for p in self.children), 5)


def processes_of(c):
    """Whatever runs out of the cluster's data folder, wherever in the process tree."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            where = str((path / "cwd").readlink())
            words = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if where.startswith(str(c.dir)) or str(c.dir).encode() in words:
            found.append(int(path.name))
    return [pid for pid in found if alive(pid)]


def start_again(c, port, started=lambda: None):
    """What is there as soon as it is ready, or None where it was killed before it told."""
    try:
        c.start(port=port, started=started)
        return object_uids(c), c.get(Writer.PATH)["items"]
    except (Ended, *BROKEN):
        if c.process.wait(5) != -signal.SIGKILL:
            raise
        return None


def killed_at_random_moments(args, kills=20, seed=8):
    """Everything acknowledged is there each time, and nothing is left over. Every other time it is
    killed while it starts, or shortly after."""
    rng = random.Random(seed)
    with cluster(args) as c:
        start_example(c)
        status, text = c.request("POST", "/api/v1/namespaces", {"metadata": {"name": "killed"}})
        check(status == 201, text)
        uids, port = object_uids(c), c.port
        writer = Writer(c)
        publisher = Publisher(service_ip(c, "redis-master"), service_ip(c, "producer"))
        seen = 0
        for number in range(kills):
            killer = Killer(c, rng.uniform(0.0, 2.5))
            killer.start()
            there = (uids, [])
            if number > 0:
                there = start_again(c, port, killer.go.set if number % 2 else lambda: None)
            killer.go.set()
            if there is not None:
                seen += 1
                check(uids <= there[0], f"objects are lost: {uids - there[0]}")
                writer.compare(there[1])
            stop = threading.Event()
            threads = [threading.Thread(target=w.run, args=(stop,)) for w in (writer, publisher)]
            for thread in threads:
                thread.start()
            killer.join()
            stop.set()
            for thread in threads:
                thread.join()
            check(publisher.wrong is None, publisher.wrong)
            killer.check_nothing_is_left()
        there = start_again(c, port)
        writer.compare(there[1])
        print(f"seed {seed}: {seen} of {kills} times it was ready; acknowledged were "
              f"{writer.acknowledged} writes and {publisher.least} items", flush=True)
        check(seen >= kills / 2 and writer.acknowledged > 100 and publisher.least > 10, "too few")
        wait_for("all items to be done", lambda: publisher.least <= done(c) == int(
            redis(publisher.redis_ip, "GET", "jobs:published")), 90)
        check(done(c) <= publisher.most, f"{done(c)} items are done of {publisher.most}")
        wait_for_zero(c)


def killed_with_rabbitmq(args):
    """What RabbitMQ confirmed is done in the end, also where it was killed while it started."""
    with cluster(args) as c:
        rabbitmq.start(c)
        ids, port = rabbitmq.publish_all(c, 30), c.port
        check(len(ids) == 30, f"{len(ids)} of 30 messages were confirmed")
        for delay in (0.0, 2.5):
            killer = Killer(c, delay)
            killer.start()
            killer.go.set()
            killer.join()
            killer.check_nothing_is_left()
            c.start(port=port)
        wait_for("the broker to be back", lambda: rabbitmq.publish(c, "back")[0] == 200, 120)
        ids |= rabbitmq.publish_all(c, 5)
        wait_for("all confirmed messages to be done", lambda: ids <= rabbitmq.done(c), 180)


# a thousand watchers


class Watcher:
    """Reads a watch and counts its events, until told to stop or until it ends."""

    def __init__(self, c, path, limit=1 << 22):
        self.c, self.path, self.limit = c, path, limit
        self.values, self.ended = [], False

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.c.port, ssl=self.c.tls, limit=self.limit)
        self.writer.write(
            f"GET {self.path}?watch=1&resourceVersion={self.version} HTTP/1.1\r\nHost: w\r\n"
            f"Authorization: Bearer {self.c.token}\r\n\r\n".encode())
        line = await self.reader.readline()
        check(b" 200 " in line, f"a watch was answered: {line}")

    async def read(self):
        try:
            while line := await self.reader.readline():
                if line.startswith(b'{"type"'):
                    found = re.search(rb'"v":"(\d+)"', line)
                    self.values.append(int(found.group(1)) if found else line[:60])
        finally:
            self.ended = True


class Stuck:
    """Asks for a watch and reads no more than its head."""

    def __init__(self, c, path, version):
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", c.port))
        self.socket = c.tls.wrap_socket(plain, server_hostname="127.0.0.1")
        self.socket.sendall(f"GET {path}?watch=1&resourceVersion={version} HTTP/1.1\r\nHost: w\r\n"
                            f"Authorization: Bearer {c.token}\r\n\r\n".encode())
        check(b" 200 " in self.socket.recv(200), "the stuck watch was refused")


def metric(c, name):
    text = c.request("GET", "/metrics")[1]
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if re.match(name + r"[ {]", line))


def memory_mb(c):
    text = pathlib.Path(f"/proc/{c.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024


def a_thousand_watchers_and_one_is_stuck(args, count=1000, changes=20, big=80):
    """The others get every event, memory stays bounded, and the stuck one is cut."""
    small, large = f"{NS}/configmaps", "/api/v1/namespaces/kube-public/configmaps"

    def put(path, version, padding=""):
        body, kind = {"data": {"v": str(version)}}, "application/merge-patch+json"
        method, where = "PATCH", f"{path}/w"
        if version == 0:
            method, where, kind = "POST", path, "application/json"
            body["metadata"], body["data"]["padding"] = {"name": "w"}, padding
        status, text = c.request(method, where, body, kind, timeout=60)
        check(status in (200, 201), f"{method} {where}: {status} {text[:200]}")

    async def until(what, probe, seconds):
        end = time.monotonic() + seconds
        while not probe():
            if time.monotonic() > end:
                raise Failure(f"waited {seconds} s for {what}")
            await asyncio.sleep(0.1)

    async def play():
        base = metric(c, "apiserver_longrunning_requests")
        watchers = [Watcher(c, small) for _ in range(count - 2)]
        witness = Watcher(c, "/api/v1/configmaps")
        for watcher in [*watchers, witness]:
            watcher.version = version
        for begin in range(0, count - 2, 50):
            await asyncio.gather(*(w.open() for w in watchers[begin:begin + 50]))
        await witness.open()
        tasks = [asyncio.create_task(w.read()) for w in [*watchers, witness]]
        stuck = Stuck(c, "/api/v1/configmaps", version)
        before = memory_mb(c)
        most = 0.0
        for i in range(big):
            # What only the stuck one and the witness are told would fill any memory.
            await asyncio.to_thread(put, large, i, "x" * 1_000_000)
            if i % (big // changes) == 0:
                await asyncio.to_thread(put, small, i // (big // changes))
            most = max(most, memory_mb(c))
        wanted = list(range(changes))
        await until("every watcher to have every event",
                    lambda: all(w.values == wanted for w in watchers), 60)
        await until("the witness to have every event",
                    lambda: len(witness.values) == changes + big, 60)
        check(not any(w.ended for w in [*watchers, witness]), "a watch ended that was read")
        await until("the stuck watch to be cut",
                    lambda: metric(c, "apiserver_longrunning_requests") - base == count - 1, 60)
        print(f"{count} watchers, {before:.0f} MB before and at most {most:.0f} MB", flush=True)
        check(most - before < 180, f"memory grew from {before:.0f} to {most:.0f} MB")
        stuck.socket.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with cluster(args, "--kubelet", "none") as c:
        version = c.get(small)["metadata"]["resourceVersion"]
        asyncio.run(play())


# requests that are refused


def body_of_ten_megabytes(args):
    with cluster(args, "--kubelet", "none") as c:
        path = f"{NS}/configmaps"
        body = b'{"metadata":{"name":"big"},"data":{"k":"' + b"x" * 10_000_000 + b'"}}'
        refusal = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                   "message": "Request entity too large: limit is 3145728",
                   "reason": "RequestEntityTooLarge", "code": 413}
        for method, where, kind in (("POST", path, "application/json"),
                                    ("PUT", f"{path}/big", "application/json"),
                                    ("PATCH", f"{path}/big", "application/merge-patch+json")):
            status, text = c.request(method, where, body, kind, timeout=60)
            check(status == 413 and json.loads(text) == refusal, f"{method}: {status} {text}")
        status, text = c.request("POST", path, body, token="nobody's", timeout=60)
        check(status == 401, f"without a right the size does not matter: {status} {text}")
        out = c.kubectl("create", "configmap", "big", "--from-literal=k=" + "x" * 100_000)
        check(out == "configmap/big created\n", out)
        items = [o["metadata"]["name"] for o in c.get(path)["items"]]
        check(items == ["big", "kube-root-ca.crt"], items)


def token_of_another_cluster(args):
    """Neither an administrator's nor a ServiceAccount's token is good anywhere else."""
    refusal = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
               "message": "Unauthorized", "reason": "Unauthorized", "code": 401}
    path = f"{NS}/serviceaccounts/default"
    with cluster(args, "--kubelet", "none") as one, cluster(args, "--kubelet", "none") as other:
        tokens = {one: [one.token], other: [other.token]}
        for c in (one, other):
            wait_for("the account", lambda c=c: c.request("GET", path)[0] == 200)
            status, text = c.request("POST", path + "/token", {"spec": {}})
            check(status == 201, text)
            tokens[c].append(json.loads(text)["status"]["token"])
        for c, foreign in ((one, other), (other, one)):
            for token in tokens[foreign]:
                status, text = c.request("GET", path, token=token)
                check(status == 401 and json.loads(text) == refusal, f"{status} {text}")
            check(c.request("GET", path, token=tokens[c][0])[0] == 200, "its own administrator")
            check(c.request("GET", path, token=tokens[c][1])[0] == 403, "its own account")


# a client in a pod

POD = """
apiVersion: v1
kind: Pod
metadata: {name: client}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: debian
    command:
    - sh
    - -c
    - |
      cd /var/run/secrets/kubernetes.io/serviceaccount
      for host in "$KUBERNETES_SERVICE_HOST" kubernetes kubernetes.default.svc \\
        kubernetes.default.svc.cluster.local; do
        curl -s --cacert ca.crt -H "Authorization: Bearer $(cat token)" \\
          "https://$host:$KUBERNETES_SERVICE_PORT/api/v1/namespaces/$(cat namespace)/pods?pretty=false" ||
          echo "curl: $?"
        echo
      done
      KUBECTL get pods
      until KUBECTL get pods >list 2>&1; do sleep 0.2; done
      KUBECTL get pods -o name
      KUBECTL delete pod client
"""


def account_without_rights_in_a_pod(args):
    """A client in a pod finds the API by what every pod is given, and may what its account may."""
    kubectl = pathlib.Path(args.kubectl).resolve()
    forbidden = ('pods{} is forbidden: User "system:serviceaccount:default:default" cannot {} '
                 'resource "pods" in API group "" in the namespace "default"')
    with cluster(args) as c:
        endpoints = c.get(f"{NS}/endpoints/kubernetes")["subsets"]
        check(endpoints == [{"addresses": [{"ip": "127.0.0.1"}], "ports": [
            {"name": "https", "port": c.port, "protocol": "TCP"}]}], endpoints)
        # The account's folder is not writable; kubectl keeps its cache in the pod's own.
        text = POD.replace("KUBECTL", f"{kubectl} --cache-dir $HOME/cache").replace(
            ">list", ">$HOME/list")
        wait_for("the account", lambda: c.request("GET", f"{NS}/serviceaccounts/default")[0] == 200)
        c.kubectl("create", "-f", "-", stdin=text)

        def lines():
            return [line for line in c.kubectl("logs", "client").splitlines() if line]

        wait_for("kubectl to be refused", lambda: any("Error" in line for line in lines()), 30)
        wanted = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                  "message": forbidden.format("", "list"), "reason": "Forbidden",
                  "details": {"kind": "pods"}, "code": 403}
        said = lines()
        for line in said[:4]:
            check(line.startswith("{") and json.loads(line) == wanted, "\n".join(said))
        check(said[4] == f"Error from server (Forbidden): {wanted['message']}", said[4])
        c.kubectl("create", "rolebinding", "look", "--clusterrole=view",
                  "--serviceaccount=default:default")
        wait_for("the pod to end", lambda: c.get(f"{NS}/pods/client")["status"]["phase"] not in (
            "Pending", "Running"), 30)
        check(lines()[5:] == ["pod/client", "Error from server (Forbidden): " + forbidden.format(
            ' "client"', "delete")], lines()[5:])


CASES = [killed_at_random_moments, killed_with_rabbitmq, a_thousand_watchers_and_one_is_stuck,
         body_of_ten_megabytes, token_of_another_cluster, account_without_rights_in_a_pod]

if __name__ == "__main__":
    # While a cluster is away, no other one takes its port and its loopback addresses.
    private_network()
    run_cases(CASES)
