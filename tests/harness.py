"""What the end-to-end tests share: arguments, a cluster per test case, waits, and a summary."""
import argparse
import ctypes
import fcntl
import os
import pathlib
import socket
import struct
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))
from cluster import ROOT, Cluster, Failure, redis, wait_for  # noqa: E402,F401

EXAMPLE = ROOT / "examples/redis-consumer"
NS = "/api/v1/namespaces/default"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
HPAS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"


def arguments(**choices):
    """The arguments of every test, and a `--NAME` for each of the choices, the first by default."""
    parser = argparse.ArgumentParser()
    for name, values in choices.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0])
    parser.add_argument("--weir", required=True)
    parser.add_argument("--kubectl", required=True)
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    return parser.parse_args()


def run_cases(cases):
    """Runs the functions, each with the arguments; exits 1 if any fails."""
    args = arguments()
    failed = []
    for case in cases:
        if args.only not in case.__name__:
            continue
        begin = time.monotonic()
        try:
            case(args)
            print(f"PASS {case.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Exception:  # noqa: BLE001 - a test case may fail in any way; all are reported
            failed.append(case.__name__)
            traceback.print_exc()
            print(f"FAIL {case.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
    sys.exit(1 if failed else 0)


def check(condition, message):
    if not condition:
        raise Failure(message)


def cluster(args, *flags, **more):
    return Cluster(args.weir, args.kubectl, "--downscale-stabilization", "3s", *flags, **more)


def private_network():
    """Gives this program and what it starts a loopback interface of their own, where it may."""
    clone_newnet, siocsifflags, iff_up = 0x40000000, 0x8914, 1
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(clone_newnet) != 0:
        print(f"on the machine's network: {os.strerror(ctypes.get_errno())}", flush=True)
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, siocsifflags, struct.pack("16sH14s", b"lo", iff_up, b""))


def ready_replicas(c, name):
    return c.get(f"{DEPLOYMENTS}/{name}").get("status", {}).get("readyReplicas", 0)


def replicas(c, name):
    return c.get(f"{DEPLOYMENTS}/{name}").get("status", {}).get("replicas", 0)


def pods(c, app):
    return c.get(f"{NS}/pods?labelSelector=app.kubernetes.io/name%3D{app}")["items"]


def service_ip(c, name):
    return c.get(f"{NS}/services/{name}")["spec"]["clusterIP"]


def events(c, **fields):
    selector = "%2C".join(f"involvedObject.{k}%3D{v}" for k, v in fields.items())
    return c.get(f"{NS}/events?fieldSelector={selector}")["items"]


def start_example(c, *skip):
    """Applies the example (without the named files) and waits for its services."""
    for path in sorted(EXAMPLE.glob("*.yaml")):
        if path.name not in skip:
            c.kubectl("apply", "-f", path)
    for name in ("redis-master", "producer", "prometheus-redis-exporter"):
        if f"{name}.yaml" not in skip and not (name == "redis-master" and "redis.yaml" in skip):
            wait_for(f"{name} to be ready", lambda n=name: ready_replicas(c, n) > 0, 60)


def wait_for_zero(c):
    wait_for("the HPA to take the consumers to 0", lambda: replicas(c, "consumer") == 0, 60)


def publish(c, count):
    """POST /publish/COUNT through the Service; (status, text)."""
    import urllib.error
    import urllib.request
    request = urllib.request.Request(
        f"http://{service_ip(c, 'producer')}:8080/publish/{count}", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def done(c):
    return int(redis(service_ip(c, "redis-master"), "GET", "jobs:done") or 0)


def object_uids(c):
    paths = [f"{NS}/services", f"{NS}/configmaps", DEPLOYMENTS, HPAS,
             "/apis/monitoring.coreos.com/v1/namespaces/default/servicemonitors",
             "/apis/monitoring.coreos.com/v1/namespaces/default/prometheusrules"]
    return {(path, o["metadata"]["name"], o["metadata"]["uid"])
            for path in paths for o in c.get(path)["items"]}


def parent_of(pid):
    text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return int(text.rsplit(")", 1)[1].split()[1])


def descends_from(pid, ancestor):
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = parent_of(pid)
        except OSError:
            return False
    return False


def descendants(ancestor):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        pid = int(path.name)
        if pid != ancestor and descends_from(pid, ancestor):
            found.append(pid)
    return found


def alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    except OSError:
        return False
