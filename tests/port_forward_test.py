#!/usr/bin/env python3
"""kubectl port-forward: bare SPDY (kubectl 1.20) and SPDY in WebSocket messages (1.33), much data both
ways, many connections at once, a port that nobody listens on, a client that goes away."""
import concurrent.futures
import hashlib
import re
import signal
import urllib.error
import urllib.request

from harness import NS, ROOT, check, cluster, run_cases, wait_for

# Answers GET with as many bytes as the path says, and POST with the digest of what came.
SERVER = """
import hashlib, http.server, os
class H(http.server.BaseHTTPRequestHandler):
    def reply(self, body):
        self.send_response(200); self.send_header('Content-Length', str(len(body)))
        self.end_headers(); self.wfile.write(body)
    def do_GET(self): self.reply(b'x' * int(self.path[1:] or 0))
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.reply(hashlib.md5(body).hexdigest().encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer((os.environ['POD_IP'], 8080), H).serve_forever()
"""
POD = """apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  containers:
  - name: web
    image: debian
    command: ["python3", "-c", %r]
    ports: [{name: http, containerPort: 8080}]
    readinessProbe: {tcpSocket: {port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http}]
"""


def clients(args):
    """The kubectls that are here, and 1.33's without WebSockets."""
    found = [("1.20", args.kubectl, {})]
    newer = ROOT / "build/kubectl-1.33/kubectl"
    if newer.exists():
        found += [("1.33", newer, {}),
                  ("1.33 with bare SPDY", newer, {"KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"})]
    return found


class Forward:
    def __init__(self, c, kubectl, env, *what):
        self.process = c.popen("port-forward", *what, kubectl=kubectl, env=env)
        line = self.process.stdout.readline()
        match = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> ", line)
        check(match, f"port-forward says: {line}")
        self.url = f"http://127.0.0.1:{match.group(1)}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def get(self, size):
        with urllib.request.urlopen(f"{self.url}/{size}", timeout=60) as answer:
            return len(answer.read())

    def post(self, body):
        with urllib.request.urlopen(self.url, body, timeout=60) as answer:
            return answer.read().decode()


def start(c):
    c.kubectl("apply", "-f", "-", stdin=POD % SERVER)
    wait_for("the pod", lambda: any(
        x["type"] == "Ready" and x["status"] == "True"
        for x in c.get(f"{NS}/pods/web")["status"].get("conditions", [])), 30)


def forwards_in_every_way(args):
    with cluster(args) as c:
        start(c)
        for name, kubectl, env in clients(args):
            with Forward(c, kubectl, env, "svc/web", ":80") as forward:
                check(forward.get(5) == 5, f"{name}: a small answer")
                check(forward.get(8_000_000) == 8_000_000, f"{name}: a large answer")
                body = bytes(range(256)) * 30_000
                check(forward.post(body) == hashlib.md5(body).hexdigest(), f"{name}: an upload")
                with concurrent.futures.ThreadPoolExecutor(20) as pool:
                    sizes = list(pool.map(forward.get, [100_000] * 40))
                check(sizes == [100_000] * 40, f"{name}: {sizes}")


def port_that_nobody_listens_on(args):
    with cluster(args) as c:
        start(c)
        for name, kubectl, env in clients(args):
            with Forward(c, kubectl, env, "pod/web", ":9") as forward:
                try:
                    forward.get(1)
                    check(False, f"{name}: an answer from a port that nobody listens on")
                except (urllib.error.URLError, ConnectionError):
                    pass
                lines = ""
                while "Connection refused" not in lines:
                    line = forward.process.stdout.readline()
                    check(line, f"{name}: kubectl ended and said {lines!r}")
                    lines += line
                check("error forwarding port 9 to pod web" in lines, lines)
        # The server goes on.
        with Forward(c, args.kubectl, {}, "pod/web", ":8080") as forward:
            check(forward.get(3) == 3, "the next forward")


def client_that_goes_away(args):
    """Killed in the middle of an answer: its connections to the pod end, and others go on."""
    with cluster(args) as c:
        start(c)
        with Forward(c, args.kubectl, {}, "pod/web", ":8080") as other:
            for name, kubectl, env in clients(args):
                forward = Forward(c, kubectl, env, "pod/web", ":8080")
                answer = urllib.request.urlopen(f"{forward.url}/50000000", timeout=60)
                check(len(answer.read(1000)) == 1000, name)
                forward.process.send_signal(signal.SIGKILL)
                forward.process.wait()
                answer.close()
                check(other.get(10) == 10, f"{name}: another's forward")
        wait_for("the pod's connections to end", lambda: connections(c) == 0, 20)


def connections(c):
    """Established connections to the pod's server."""
    ip = c.get(f"{NS}/pods/web")["status"]["podIP"]
    number = "".join(f"{int(part):02X}" for part in reversed(ip.split(".")))
    with open("/proc/net/tcp") as table:
        return sum(f" {number}:1F90 " in line and line.split()[3] == "01" for line in table)


def refusals(args):
    with cluster(args) as c:
        c.kubectl("apply", "-f", "-", stdin=POD % SERVER)
        path = f"{NS}/pods/web/portforward"
        status, text = c.request("POST", path)
        check(status == 400 and "unable to upgrade" in text, f"{status} {text}")
        status, text = c.request("POST", f"{NS}/pods/none/portforward")
        check(status == 404, f"{status} {text}")
        run = c.kubectl("port-forward", "pod/none", ":80", check=False)
        check('pods "none" not found' in run, run)


CASES = [forwards_in_every_way, port_that_nobody_listens_on, client_that_goes_away, refusals]

if __name__ == "__main__":
    run_cases(CASES)
