"""Starts `weir up` for scripts (demo, tests, benchmarks), talks to it with kubectl and over HTTPS, and
stops only what it started."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Failure(Exception):
    """Something that a person should read."""


class Ended(Exception):
    """`weir up` ended by itself: no use in waiting any longer."""


def wait_for(what, probe, timeout=60.0, every=0.1):
    """The first true value of probe(); Failure naming `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = probe()
            if value:
                return value
        except (Failure, OSError, urllib.error.URLError, subprocess.SubprocessError,
                json.JSONDecodeError) as error:
            last = error
        if time.monotonic() > end:
            raise Failure(f"waited {timeout:.0f} s for {what}" + (f": {last}" if last else ""))
        time.sleep(every)


class Cluster:
    """One `weir up` with a data folder of its own."""

    def __init__(self, weir, kubectl, *flags, data_dir=None, env=None):
        self.weir, self.kubectl_path = pathlib.Path(weir).resolve(), pathlib.Path(kubectl).resolve()
        self.own_dir = data_dir is None
        self.dir = pathlib.Path(data_dir or tempfile.mkdtemp(prefix="weir-"))
        self.flags = list(flags)
        self.env = dict(os.environ) | (env or {})
        self.process = None
        self.log_path = self.dir.parent / (self.dir.name + ".log")
        self.kubeconfig = self.dir / "kubeconfig"
        self.cache = tempfile.mkdtemp(prefix="weir-kubectl-")
        self.ready_seconds = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, port=None, started=lambda: None):
        """Resumes when it is ready; calls `started` as soon as there is a process."""
        command = [self.weir, "up", "--data-dir", self.dir, *self.flags]
        if port is not None:
            command += ["--port", str(port)]
        begin = time.monotonic()
        self.log = open(self.log_path, "ab")
        offset = self.log_path.stat().st_size
        self.process = subprocess.Popen([str(c) for c in command], stdout=self.log,
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        env=self.env, start_new_session=True)
        started()

        def ready():
            if self.process.poll() is not None:
                raise Ended("weir up ended: " + self.log_text()[offset:].strip())
            return re.search(r"^weir up: ready", self.log_text()[offset:], re.M)

        wait_for("weir up to be ready", ready, 30, 0.005)
        self.ready_seconds = time.monotonic() - begin
        self.load_kubeconfig()
        return self

    def load_kubeconfig(self):
        text = self.kubeconfig.read_text()
        self.server = re.search(r"server: (\S+)", text).group(1)
        self.port = int(self.server.rsplit(":", 1)[1])
        self.token = (self.dir / "pki/admin.token").read_text().strip()
        self.tls = ssl.create_default_context(cafile=str(self.dir / "pki/ca.crt"))

    def log_text(self):
        return self.log_path.read_text(errors="replace")

    def stop(self, how=signal.SIGTERM, timeout=40):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure(f"weir up did not end within {timeout} s of {how.name}") from None
        return self.process.returncode if self.process else None

    def close(self):
        try:
            self.stop()
        finally:
            self.log.close()
            if self.own_dir:
                shutil.rmtree(self.dir, ignore_errors=True)
            shutil.rmtree(self.cache, ignore_errors=True)

    # kubectl and HTTPS

    def kubectl_env(self):
        return self.env | {"KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": self.cache,
                           "HOME": self.cache}

    def kubectl(self, *args, stdin=None, check=True, timeout=60, kubectl=None):
        """Standard output, with standard error after it, as a person sees it."""
        run = subprocess.run([str(kubectl or self.kubectl_path), *map(str, args)], input=stdin,
                             capture_output=True, text=True, env=self.kubectl_env(),
                             timeout=timeout, cwd=ROOT)
        if check and run.returncode != 0:
            raise Failure(f"kubectl {' '.join(map(str, args))}: {run.stderr.strip()}")
        return run.stdout + run.stderr

    def popen(self, *args, kubectl=None, env=None):
        """A kubectl that runs on; its output, errors included, is `stdout`, by lines."""
        return subprocess.Popen([str(kubectl or self.kubectl_path), *map(str, args)], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, env=self.kubectl_env() | (env or {}),
                                cwd=ROOT)

    def request(self, method, path, body=None, content_type="application/json", token=None,
                timeout=10):
        """(status, text) of one request with the administrator's token."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type}
        if token != "":
            headers["Authorization"] = "Bearer " + (token or self.token)
        request = urllib.request.Request(self.server + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def get(self, path):
        status, text = self.request("GET", path)
        if status != 200:
            raise Failure(f"GET {path}: {status} {text.strip()[:300]}")
        return json.loads(text)


def redis(host, *command, port=6379, timeout=2):
    """One Redis command's answer: text, number, list or None."""
    with socket.create_connection((host, port), timeout) as s:
        parts = [str(c).encode() for c in command]
        s.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
        with s.makefile("rb") as f:
            return _redis_value(f)


def _redis_value(f):
    line = f.readline().rstrip(b"\r\n").decode()
    kind, rest = line[:1], line[1:]
    if kind == "-":
        raise Failure("redis: " + rest)
    if kind == ":":
        return int(rest)
    if kind == "$":
        if rest == "-1":
            return None
        return f.read(int(rest) + 2)[:-2].decode()
    if kind == "*":
        return [_redis_value(f) for _ in range(int(rest))]
    return rest


def rabbit(host, method, path, body=None, timeout=10):
    """(status, answer) of RabbitMQ's management API."""
    request = urllib.request.Request(
        f"http://{host}:15672/api/{path}", None if body is None else json.dumps(body).encode(),
        {"Authorization": "Basic Z3Vlc3Q6Z3Vlc3Q=", "Content-Type": "application/json"},
        method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def rabbit_messages(host, queue):
    """How many messages the queue has; 0 where it does not exist."""
    status, queues = rabbit(host, "GET", "queues?disable_stats=true&enable_queue_totals=true")
    if status != 200:
        raise Failure(f"RabbitMQ's management API: {status} {queues}")
    return sum(q.get("messages", 0) for q in queues if q["name"] == queue)


def done_ids(host, queue="Orders.done"):
    """The ids of the messages in a queue, which keeps them."""
    status, messages = rabbit(host, "POST", f"queues/%2F/{queue}/get", {
        "count": 100000, "ackmode": "ack_requeue_true", "encoding": "auto"})
    if status != 200:
        raise Failure(f"{queue}: {status} {messages}")
    return [m["properties"]["message_id"] for m in messages]
