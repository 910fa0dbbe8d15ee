"""What the end-to-end tests share: arguments, a cluster per test case, waits, and a summary."""
import argparse
import pathlib
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
