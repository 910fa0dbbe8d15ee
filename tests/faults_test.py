#!/usr/bin/env python3
"""Bad input and faults: each gives a clear error that names what and where, the rest runs on, and no
object and no item is lost."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

from harness import (DEPLOYMENTS, HPAS, NS, Failure, alive, check, cluster, descendants,
                     descends_from, done, events, object_uids, pods, publish, ready_replicas,
                     redis, replicas, run_cases, service_ip, start_example, wait_for,
                     wait_for_zero)

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: web}}
  template:
    metadata: {labels: {app.kubernetes.io/name: web}}
    spec:
      containers:
      - {name: main, image: "IMAGE", command: COMMAND}
"""


def deployment(image="busybox", command='["sleep", "1000"]'):
    return DEPLOYMENT.replace("IMAGE", image).replace("COMMAND", command)


def weir_up(args, *flags, timeout=20, env=None):
    """Runs a `weir up` that is expected to refuse: (exit status, output)."""
    done_run = subprocess.run([args.weir, "up", *flags], capture_output=True, text=True,
                              timeout=timeout, env=env)
    return done_run.returncode, done_run.stdout + done_run.stderr


def malformed_bodies(args):
    with cluster(args) as c:
        path = DEPLOYMENTS
        cases = [
            ("application/json", b'{"kind": "Deployment",', 400, "unexpected"),
            ("application/json", b"[1, 2]", 400, "cannot unmarshal"),
            ("application/yaml", b"kind: Deployment\n  a: b: c\n", 400, "yaml"),
            ("application/json", b'{"apiVersion":"apps/v1","kind":"Pod","metadata":{"name":"x"}}', 400,
             "Pod"),
            ("text/plain", b"hello", 415, ""),
            ("application/vnd.kubernetes.protobuf", b"k8s\0\xff\xff\xff", 400, ""),
        ]
        for content_type, body, status, part in cases:
            got, text = c.request("POST", path, body, content_type)
            check(got == status, f"{content_type} {body!r}: {got}, expected {status}: {text}")
            check(part in text, f"{content_type} {body!r}: the answer lacks '{part}': {text}")
        check(c.get(path)["items"] == [], "a malformed body left an object")


def unknown_fields_and_wrong_types(args):
    with cluster(args) as c:
        bad = deployment().replace("spec:\n  selector", "spec:\n  replicsa: 1\n  selector", 1)
        status, text = c.request("POST", DEPLOYMENTS + "?fieldValidation=Strict", bad.encode(),
                                 "application/yaml")
        check(status == 400 and 'unknown field \\"spec.replicsa\\"' in text, f"{status} {text}")
        bad = deployment().replace("spec:\n  selector", "spec:\n  replicas: many\n  selector", 1)
        out = c.kubectl("create", "-f", "-", stdin=bad, check=False)
        check("replicas of type int32" in out, out)
        c.kubectl("create", "-f", "-", stdin=deployment())
        status, text = c.request("PATCH", f"{DEPLOYMENTS}/web?fieldValidation=Strict",
                                 {"spec": {"replicsa": 1}}, "application/merge-patch+json")
        check(status == 422 and 'unknown field \\"spec.replicsa\\"' in text, f"{status} {text}")


def files_of_weir_up_that_are_wrong(args):
    with tempfile.TemporaryDirectory() as folder:
        bad = pathlib.Path(folder) / "bad.yaml"
        bad.write_text("kind: Deployment\n  a: b: c\n")
        status, out = weir_up(args, "--data-dir", f"{folder}/data", "-f", str(bad))
        check(status != 0 and "bad.yaml" in out and "line 2" in out, f"{status} {out}")
        status, out = weir_up(args, "--data-dir", f"{folder}/data", "-f", f"{folder}/none.yaml")
        check(status != 0 and "none.yaml" in out, f"{status} {out}")
        bad.write_text(configmap("a").replace("\ndata:", "\nmetdata: 1\ndata:"))
        status, out = weir_up(args, "--data-dir", f"{folder}/data", "-f", str(bad))
        check(status != 0 and "bad.yaml line 1" in out and ".metdata" in out, f"{status} {out}")
        bad.write_text(configmap("a") + "kind: Secret\n")
        status, out = weir_up(args, "--data-dir", f"{folder}/data", "-f", str(bad))
        check(status != 0 and 'bad.yaml: line 5: key "kind" already' in out, f"{status} {out}")
        images = pathlib.Path(folder) / "images.yaml"
        images.write_text("images: 7\n")
        status, out = weir_up(args, "--data-dir", f"{folder}/data", "--images", str(images))
        check(status != 0 and "images.yaml" in out, f"{status} {out}")
        adapter = pathlib.Path(folder) / "adapter.yaml"
        adapter.write_text("rules:\n- seriesQuery: 'up'\n  nonsense: 1\n")
        status, out = weir_up(args, "--data-dir", f"{folder}/data", "--adapter-config", str(adapter))
        check(status != 0 and "adapter.yaml" in out and "nonsense" in out, f"{status} {out}")
        tokens = pathlib.Path(folder) / "tokens.csv"
        tokens.write_text("only-a-token\n")
        status, out = weir_up(args, "--data-dir", f"{folder}/data", "--token-auth-file", str(tokens))
        check(status != 0 and "tokens.csv" in out and "1" in out, f"{status} {out}")


def configmap(name, data="{k: v}"):
    return (f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"
            f"data: {data}\n")


def files_of_weir_up_are_applied_again(args):
    """What a manifest no longer has is removed at the next start; what others set stays."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "a.yaml"
        file.write_text(configmap("a", "{old: before, kept: before}"))
        with cluster(args, "-f", str(file), data_dir=f"{folder}/data") as c:
            c.kubectl("patch", "configmap", "a", "--type=merge", "-p", '{"data":{"mine":"z"}}')
        file.write_text(configmap("a", "{kept: after}"))
        with cluster(args, "-f", str(file), data_dir=f"{folder}/data") as c:
            data = json.loads(c.kubectl("get", "configmap", "a", "-o", "json"))["data"]
            check(data == {"kept": "after", "mine": "z"}, data)


def node_that_is_deleted(args):
    """The kubelet registers again, and runs what came meanwhile."""
    with cluster(args) as c:
        c.kubectl("delete", "node", "--all")
        c.kubectl("create", "-f", "-", stdin=deployment())
        wait_for("a ready pod", lambda: ready_replicas(c, "web") == 1, 20)


def image_not_in_the_catalogue(args):
    with cluster(args) as c:
        c.kubectl("create", "-f", "-", stdin=deployment("nobody/knows:1", "null"))

        def waiting():
            states = [s["state"].get("waiting", {}) for p in pods(c, "web")
                      for s in p["status"].get("containerStatuses", [])]
            return [s for s in states if s.get("reason") in ("ErrImagePull", "ImagePullBackOff")]

        wait_for("ErrImagePull", waiting, 10)
        name = pods(c, "web")[0]["metadata"]["name"]
        messages = [e["message"] for e in wait_for("an event", lambda: events(c, name=name), 10)]
        check(any("nobody/knows:1" in m and "catalogue" in m for m in messages), messages)
        check(pods(c, "web")[0]["status"]["phase"] == "Pending", "the pod is not Pending")


def redis_server_is_missing(args):
    """A PATH without redis-server: the pod says what to install, everything else runs."""
    with tempfile.TemporaryDirectory() as folder:
        for program in ("sh", "sleep"):
            os.symlink(f"/bin/{program}", f"{folder}/{program}")
        with cluster(args, env={"PATH": folder}) as c:
            c.env["PATH"] = os.environ["PATH"]
            c.kubectl("create", "-f", "-", stdin=deployment("redis:7", "null"))
            c.kubectl("create", "-f", "-", stdin=deployment().replace("web", "other"))
            wait_for("the other deployment", lambda: ready_replicas(c, "other") == 1, 10)
            name = wait_for("the pod", lambda: pods(c, "web"))[0]["metadata"]["name"]
            messages = [e["message"] for e in wait_for(
                "an event", lambda: [e for e in events(c, name=name) if e["type"] == "Warning"], 10)]
            check(any("redis-server" in m and "apt" in m for m in messages), messages)


def port_that_is_taken(args):
    with socket.socket() as s, tempfile.TemporaryDirectory() as folder:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        status, out = weir_up(args, "--data-dir", folder, "--port", str(port))
        check(status != 0 and str(port) in out and "--port" in out, f"{status} {out}")


def data_folder_in_use(args):
    with cluster(args) as c:
        status, out = weir_up(args, "--data-dir", str(c.dir))
        check(status != 0 and str(c.dir) in out and str(c.process.pid) in out, f"{status} {out}")
        check(c.get("/api/v1/namespaces")["items"], "the first one no longer answers")


def redis_down_at_start(args):
    with cluster(args) as c:
        start_example(c, "redis.yaml")
        wait_for("the HPA to say that the metric is unknown", lambda: any(
            x["type"] == "ScalingActive" and x["status"] == "False"
            for x in c.get(f"{HPAS}/consumer").get("status", {}).get("conditions", [])), 20)
        check(replicas(c, "consumer") == 1, "an unknown metric changed the replicas")
        status, text = publish(c, 5) if service_exists(c, "redis-master") else (503, "")
        check(status == 503, f"publishing without Redis: {status} {text}")
        c.kubectl("apply", "-f", "examples/redis-consumer/redis.yaml")
        wait_for("redis", lambda: ready_replicas(c, "redis-master") == 1, 30)
        wait_for("publishing to work", lambda: publish(c, 5)[0] == 200, 20)
        wait_for("all items to be done", lambda: done(c) == 5, 40)


def service_exists(c, name):
    return c.request("GET", f"{NS}/services/{name}")[0] == 200


def process_of(c, app, program):
    """The process id of the program in the app's pods."""
    for line in subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True,
                               text=True).stdout.splitlines()[1:]:
        pid, _, command = line.split(None, 2)
        first = command.split()[0].rsplit("/", 1)[-1]
        if first != program:
            continue
        # redis-server writes its title over its environment, but has its address in it.
        addresses = [p["status"].get("podIP", "none") for p in pods(c, app)]
        try:
            known = command.encode() + pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if any(a.encode() in known for a in addresses) and descends_from(int(pid), c.process.pid):
            return int(pid)
    raise Failure(f"no process {program} of {app}")


def redis_dies_in_mid_burst(args):
    with cluster(args) as c:
        start_example(c)
        wait_for_zero(c)
        check(publish(c, 60)[0] == 200, "publishing failed")
        wait_for("work to begin", lambda: ready_replicas(c, "consumer") >= 2, 20)
        os.kill(process_of(c, "redis-master", "redis-server"), signal.SIGKILL)
        wait_for("redis to be back", lambda: done(c) >= 0 and pods(c, "redis-master")[0]["status"][
            "containerStatuses"][0]["restartCount"] == 1, 40)
        wait_for("all items to be done", lambda: done(c) == 60, 90)
        wait_for_zero(c)
        check(done(c) == 60, f"{done(c)} items done: expected 60")


def consumer_that_crashes_at_start(args):
    with cluster(args) as c:
        c.kubectl("create", "-f", "-", stdin=deployment(command='["sh", "-c", "echo broken; exit 3"]'))
        c.kubectl("create", "-f", "-", stdin=deployment().replace("web", "other"))
        wait_for("the other deployment", lambda: ready_replicas(c, "other") == 1, 10)
        pod = wait_for("back-off", lambda: [p for p in pods(c, "web") if any(
            s["restartCount"] >= 1 and s["state"].get("waiting", {}).get("reason") ==
            "CrashLoopBackOff" for s in p["status"].get("containerStatuses", []))], 30)[0]
        last = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
        check(last["exitCode"] == 3 and last["reason"] == "Error", last)
        reasons = {e["reason"] for e in events(c, name=pod["metadata"]["name"])}
        check("BackOff" in reasons, reasons)
        check("broken" in c.kubectl("logs", pod["metadata"]["name"]), "the log is lost")


def weir_killed_in_mid_burst(args):
    with cluster(args) as c:
        start_example(c)
        wait_for_zero(c)
        check(publish(c, 60)[0] == 200, "publishing failed")
        wait_for("work to begin", lambda: ready_replicas(c, "consumer") >= 2, 20)
        before = {p["metadata"]["name"]: p["metadata"]["uid"] for p in pods(c, "redis-master")}
        objects = object_uids(c)
        children = descendants(c.process.pid)
        check(children, "no processes below weir up")
        c.process.kill()
        c.process.wait()
        wait_for("every descendant to be gone", lambda: not any(alive(p) for p in children), 5)
        c.start(port=c.port)
        missing = objects - object_uids(c)
        check(not missing, f"objects are lost: {missing}")
        pod = pods(c, "redis-master")[0]
        check(pod["metadata"]["uid"] == before.get(pod["metadata"]["name"]), "another redis pod")
        wait_for("redis's restart to be counted", lambda: pods(c, "redis-master")[0]["status"][
            "containerStatuses"][0]["restartCount"] == 1, 20)
        wait_for("all items to be done", lambda: done(c) == 60, 90)
        wait_for_zero(c)


def no_descendant_outlives_weir(args):
    """A grandchild that left its session and its parent dies with weir's SIGKILL."""
    with cluster(args) as c:
        marker = f"{time.time_ns() % 10**9}"
        command = f'["sh", "-c", "(setsid sh -c \\"sleep {marker} & sleep {marker}\\" &) ; sleep 1000"]'
        c.kubectl("create", "-f", "-", stdin=deployment(command=command))

        def grandchildren():
            out = subprocess.run(["pgrep", "-f", f"^sleep {marker}"], capture_output=True, text=True)
            return [int(p) for p in out.stdout.split()]

        found = wait_for("the grandchildren", lambda: len(grandchildren()) == 2 and grandchildren())
        c.process.kill()
        c.process.wait()
        wait_for("the grandchildren to be gone", lambda: not any(alive(p) for p in found), 5)


def last_consumer_killed_on_an_empty_queue(args):
    """The item in a dead consumer's hands counts as work: a new consumer wakes and finishes it."""
    with cluster(args) as c:
        start_example(c)
        c.kubectl("patch", "deployment", "consumer", "--type=json", "-p",
                  '[{"op":"replace","path":"/spec/template/spec/containers/0/args/5","value":"4s"}]')
        wait_for_zero(c)
        check(publish(c, 1)[0] == 200, "publishing failed")
        wait_for("the item to be taken", lambda: ready_replicas(c, "consumer") == 1 and
                 redis(service_ip(c, "redis-master"), "LLEN", "jobs") == 0, 20)
        pid = process_of(c, "consumer", "consumer")
        c.kubectl("scale", "deployment", "consumer", "--replicas=0")
        os.kill(pid, signal.SIGKILL)
        wait_for("the item to be done by a new consumer", lambda: done(c) == 1, 60)
        wait_for_zero(c)


def three_consumers_are_three_times_as_fast(args):
    with cluster(args) as c:
        start_example(c, "hpa.yaml")
        wait_for("the consumer", lambda: ready_replicas(c, "consumer") == 1, 20)
        check(publish(c, 1000)[0] == 200, "publishing failed")

        def rate(seconds=6.0):
            begin, start = done(c), time.monotonic()
            wait_for("items", lambda: time.monotonic() - start >= seconds, seconds + 5)
            return (done(c) - begin) / (time.monotonic() - start)

        wait_for("work to begin", lambda: done(c) > 0, 20)
        one = rate()
        out = c.kubectl("scale", "deployment", "consumer", "--replicas=3")
        check("deployment.apps/consumer scaled" in out, out)
        wait_for("three consumers", lambda: ready_replicas(c, "consumer") == 3, 20)
        three = rate()
        check(2.2 < three / one < 3.8, f"one does {one:.2f} items/s, three do {three:.2f}")


def signal_while_it_starts(args):
    """A signal at any moment of the start ends it in order: status 0, no abort, nothing left over."""
    manifests = "\n---\n".join(
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{i}"}})
        for i in range(3000))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "many.yaml")
        path.write_text(manifests)
        statuses = []
        for number, delay in enumerate((0.02, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2)):
            process = subprocess.Popen(
                [args.weir, "up", "--data-dir", f"{folder}/d{number}", "-f", str(path)],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            try:
                process.wait(delay)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
            out = process.communicate(timeout=20)[0]
            # While it reads the manifests, and nothing runs, the signal ends it as any program.
            early = not out and process.returncode == -signal.SIGTERM
            check(process.returncode == 0 or early, f"after {delay} s: {process.returncode} {out}")
            statuses.append(process.returncode)
        check(0 in statuses, f"every signal came too early: {statuses}")


def second_signal_kills_the_pods(args):
    with cluster(args) as c:
        command = '["sh", "-c", "trap : TERM; while true; do sleep 0.1; done"]'
        c.kubectl("create", "-f", "-", stdin=deployment(command=command))
        wait_for("the pod", lambda: ready_replicas(c, "web") == 1, 20)
        left = descendants(c.process.pid)
        check(left, "no pod process is seen")
        c.process.send_signal(signal.SIGTERM)
        wait_for("the first signal to be taken", lambda: "again to kill" in c.log_text(), 10)
        c.process.send_signal(signal.SIGTERM)
        c.process.wait(5)
        wait_for("the pod's processes to be gone", lambda: not any(alive(p) for p in left), 5)


def clusters_have_networks_of_their_own(args):
    """Folders whose paths lead to the same loopback networks: the second takes others, and keeps them."""
    with cluster(args) as one, cluster(args) as other:
        def network(c):
            return (c.dir / "network").read_text().strip()

        taken = network(one)
        check(network(other) != taken, f"both have network {taken}")
        other.stop()
        (other.dir / "network").write_text(taken + "\n")
        status, out = weir_up(args, "--data-dir", str(other.dir))
        check(status != 0 and "another cluster" in out and "--data-dir" in out, f"{status} {out}")


CASES = [malformed_bodies, unknown_fields_and_wrong_types, files_of_weir_up_that_are_wrong,
         files_of_weir_up_are_applied_again, node_that_is_deleted,
         image_not_in_the_catalogue, redis_server_is_missing, port_that_is_taken, data_folder_in_use,
         redis_down_at_start, redis_dies_in_mid_burst, consumer_that_crashes_at_start,
         weir_killed_in_mid_burst, no_descendant_outlives_weir,
         last_consumer_killed_on_an_empty_queue, three_consumers_are_three_times_as_fast,
         signal_while_it_starts, second_signal_kills_the_pods, clusters_have_networks_of_their_own]

if __name__ == "__main__":
    run_cases(CASES)
