"""Terminal sessions: files of commands and of what they print, played against a cluster. The one
player of the sessions in tests/goldens and of recordings of real clusters.

    # a comment
    $ kubectl get pods     a command; the lines that follow are its output (stdout, then stderr)
    $~ kubectl get pods    eventually: repeated until it prints this
    $! sleep 1             set-up: runs, its output is not compared
    > continued            the command's next line
    [exit 1]               the exit status, where it is not 0
    \\$ text                an output line that begins with $, #, > or \\, or an empty one

A session runs in a namespace of its own name ($NS), which is deleted afterwards, or in one that is
there; and in a folder of its own ($HOME). `http METHOD PATH [curl options] [--headers] [--anonymous] [--managed]` sends one
request. What changes from run to run is replaced before the comparison (REPLACEMENTS)."""
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

_SUFFIX = "[bcdfghjklmnpqrstvwxz2456789]{5}"  # of generateName: no vowels, nothing that looks alike
_HASH = "[456789bcdf]"
REPLACEMENTS = [(re.compile(pattern), to) for pattern, to in (
    # What kubectl logs of its own watch where its time-out ends it just as it begins.
    (r"(?m)^[IWE]\d{4} .* reflector\.go:.*(context deadline exceeded|very short watch).*\n", ""),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "DATE"),
    (r"(?m)^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ (\w+\.go:)\d+\]", r"\1TIME \2LINE]"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID"),
    (r'("?resourceVersion"?: ?)"?\d+"?', r"\1RV"),
    (r"(Resource Version:\s+)\d+", r"\1RV"),
    (r"resource version: ?\d+( \(\d+\))?", "resource version: RV"),
    (rf"\bpod-template-hash={_HASH}{{7,10}}\b", "pod-template-hash=HASH"),
    (rf'("?pod-template-hash"?: )"?{_HASH}{{7,10}}"?', r"\1HASH"),
    (rf"-{_HASH}{{7,10}}-{_SUFFIX}\b", "-HASH-RAND"),
    (rf"-{_HASH}{{8,10}}\b", "-HASH"),
    (rf"-(?!https\b){_SUFFIX}\b", "-RAND"),
    (r"(?s)-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", "CERTIFICATE"),
    (r"\b(10|127)(\.\d+){3}\b", "IP"),
    (r"\b(\d+):3[0-2]\d{3}/", r"\1:NODEPORT/"),
    (r'in scheme \\?"[^"\\]+\\?"', "in scheme SCHEME"),
    (r'("?nodePort"?: )3\d{4}', r"\1NODEPORT"),
    (r"(NodePort:\s+\S+\s+)3\d{4}/", r"\1NODEPORT/"),
)]
_AGE_CELL = re.compile(r'^( *)"(\d+[smhd]){1,2}"(,?)$')
# An age, not the quantity 500m of 500m/1, "500m" or 500m / 1.
_AGE = re.compile(r'(?<![\w.:=/"-])(?<! / )(\d+[smhd]){1,2}(?![\w/:"-]| / |\) / )')
_CPU_LINE = re.compile(r'\s*"?(requests\.|limits\.)?cpu"?[: ]')
_STRUCTURED = re.compile(r"(^|\s)(-o ?(json|yaml|jsonpath)|--output[= ](json|yaml)|http )")
_NUMBERS = re.compile(r"kubectl top |\bjq ")


def normalise(text, structured=False):
    """`structured`: no table, so that durations and runs of blanks stay."""
    for pattern, replacement in REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return "".join(_normalise_line(line.rstrip(), structured) + "\n" for line in text.splitlines())


def _normalise_line(line, structured):
    line = _AGE_CELL.sub(r'\1"AGE"\3', line)
    if structured:
        return line
    if not _CPU_LINE.match(line):
        line = _AGE.sub("AGE", line)
    line = re.sub(r"AGE \(x\d+ over AGE\)", "AGE", line)
    body = line.lstrip(" ")
    return line[:len(line) - len(body)] + re.sub(r"[ \t]{2,}", "  ", body)


class Step:
    """One command: kind "" (compared), "~" (eventually) or "!" (set-up)."""

    def __init__(self, kind, command, number):
        self.kind, self.command, self.number, self.expected = kind, command, number, []

    def title(self):
        return self.command.split("\n")[0]

    def text(self, output):
        first, *rest = self.command.split("\n")
        return [f"${self.kind} {first}"] + [f"> {line}".rstrip() for line in rest] + [
            "\\" + line if line == "" or line[0] in "$#>\\" else line for line in output]


def parse(text, name="session"):
    """Steps, and comment lines as str, in order. Compared steps are numbered from 1."""
    items, step, compared = [], None, 0
    for line in text.splitlines():
        match = re.match(r"\$([~!]?) (.*)", line)
        if match:
            compared += match.group(1) != "!"
            step = Step(match.group(1), match.group(2), compared)
            items.append(step)
        elif step and not step.expected and (line.startswith("> ") or line == ">"):
            step.command += "\n" + line[2:]
        elif line.startswith("#") or line == "":
            step = None
            items.append(line)
        elif step:
            step.expected.append(line[1:] if line.startswith("\\") else line)
        else:
            raise ValueError(f"{name}: output before any command: {line}")
    return items


class Answer:
    """A compared step, and what it printed."""

    def __init__(self, step, output):
        self.step, self.output, self.equal = step, output, output == step.expected


class Session:
    """A session under way: its folder, its namespace, its environment."""

    def __init__(self, path, kubeconfig, kubectl, folder, data="", metrics_dir="", patience=20,
                 namespace=""):
        """`namespace`: one that is there; none: one of the session's own name."""
        self.path, self.kubeconfig = pathlib.Path(path), str(kubeconfig)
        self.kubectl_path, self.patience = str(pathlib.Path(kubectl).resolve()), patience
        name = re.sub(r"[^a-z0-9-]", "-", self.path.stem.lower())
        self.ns, self.own_namespace = namespace or name, not namespace
        self.folder = pathlib.Path(folder) / name
        self.data, self.metrics_dir = str(data), str(metrics_dir)
        self.env = {}

    def kubectl(self, *args):
        return subprocess.run([self.kubectl_path, "--kubeconfig", self.kubeconfig, *args],
                              capture_output=True, text=True, timeout=90)

    def __enter__(self):
        programs = self.folder / "bin"
        programs.mkdir(parents=True)
        self._write_access(programs)
        self._clear_metrics()
        if self.own_namespace:
            self.kubectl("delete", "namespace", self.ns, "--ignore-not-found", "--timeout=60s")
            self.kubectl("create", "namespace", self.ns)
        end = time.monotonic() + 10
        while self.kubectl("get", "sa", "default", "-n", self.ns).returncode:
            if time.monotonic() > end:
                raise RuntimeError(f"namespace {self.ns} got no ServiceAccount")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self._clear_metrics()
        if self.own_namespace:
            self.kubectl("delete", "namespace", self.ns, "--wait=false")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_access(self, programs):
        view = self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
        config = json.loads(view.stdout)
        config["contexts"][0]["context"]["namespace"] = self.ns
        (self.folder / "kubeconfig").write_text(json.dumps(config))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        curl = {"server": cluster["server"], "ca": [], "user": []}
        for entry, key, flag, part in (
                (cluster, "certificate-authority-data", "--cacert", "ca"),
                (user, "client-certificate-data", "--cert", "user"),
                (user, "client-key-data", "--key", "user")):
            if key in entry:
                file = self.folder / key
                file.touch(0o600)
                file.write_bytes(base64.b64decode(entry[key]))
                curl[part] += [flag, str(file)]
        (self.folder / "curl.json").write_text(json.dumps(curl))
        http = programs / "http"
        http.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} '
                        f'{self.folder}/curl.json "$@"\n')
        http.chmod(0o755)
        (programs / "kubectl").symlink_to(self.kubectl_path)
        self.env = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(self.folder),
                    "KUBECONFIG": str(self.folder / "kubeconfig"), "NS": self.ns,
                    "LC_ALL": "C.UTF-8", "TZ": "UTC", "SERVER": cluster["server"],
                    "CA": str(self.folder / "certificate-authority-data"), "DATA": self.data,
                    "METRICS_DIR": self.metrics_dir, "KUBECTL_EXPLAIN_OPENAPIV3": "true"}

    def _clear_metrics(self):
        if self.metrics_dir:
            for page in pathlib.Path(self.metrics_dir).glob("*.prom"):
                page.unlink()

    def run(self, command):
        """The normalised lines of what a command prints."""
        try:
            done = subprocess.run(["bash", "-c", command], capture_output=True, env=self.env,
                                  cwd=self.folder, timeout=90, stdin=subprocess.DEVNULL)
            text, status = (done.stdout + done.stderr).decode(errors="replace"), done.returncode
        except subprocess.TimeoutExpired as error:
            text, status = (error.stdout or b"").decode(errors="replace") + "\n[timed out]\n", 124
        structured = bool(_NUMBERS.search(command)) or (
            bool(_STRUCTURED.search(command)) and not text.startswith("NAME"))
        if self.data:
            text = text.replace(self.data, "$DATA")
        text = normalise(text.replace(str(self.folder), "$HOME"), structured)
        if self.own_namespace:
            text = re.sub(rf"\b{re.escape(self.ns)}\b", "NS", text)
        return text.splitlines() + ([f"[exit {status}]"] if status else [])

    def answer(self, step):
        output = self.run(step.command)
        end = time.monotonic() + self.patience
        while step.kind == "~" and output != step.expected and time.monotonic() < end:
            time.sleep(0.3)
            output = self.run(step.command)
        return output

    def settled(self, step):
        """For writing: what a command prints once it has stayed the same for 3 s."""
        output, since = self.run(step.command), time.monotonic()
        while step.kind == "~" and time.monotonic() - since < 3:
            time.sleep(0.3)
            new = self.run(step.command)
            if new != output:
                output, since = new, time.monotonic()
        return output


def play(session):
    """-> the answers of all compared commands, in order."""
    answers = []
    with session:
        for item in parse(session.path.read_text(), session.path.name):
            if isinstance(item, Step):
                output = session.answer(item)
                if item.kind != "!":
                    answers.append(Answer(item, output))
    return answers


def record(session):
    """Writes the outputs anew: read the difference before it is committed."""
    lines = []
    with session:
        for item in parse(session.path.read_text(), session.path.name):
            if isinstance(item, str):
                lines.append(item)
            elif item.kind == "!":
                session.run(item.command)
                lines += item.text([])
            else:
                lines += item.text(session.settled(item))
    session.path.write_text("\n".join(lines) + "\n")


# The command `http` of sessions.

_SHOWN = ("content-type", "warning", "www-authenticate", "location", "allow", "retry-after",
          "content-encoding", "vary")


def _without_managed_fields(value):
    if isinstance(value, dict):
        return {k: _without_managed_fields(v) for k, v in value.items() if k != "managedFields"}
    if isinstance(value, list):
        return [_without_managed_fields(v) for v in value]
    return value


def _print_body(body, managed):
    clean = (lambda v: v) if managed else _without_managed_fields
    try:
        print(json.dumps(clean(json.loads(body)), indent=1, sort_keys=True, ensure_ascii=False))
        return
    except ValueError:
        pass
    try:  # a watch: one object a line
        for value in [json.loads(line) for line in body.decode().splitlines() if line.strip()]:
            print(json.dumps(clean(value), sort_keys=True, ensure_ascii=False))
    except ValueError:
        print(body.decode(errors="replace"))


def http_main(access, method, path, *options):
    options = list(options)
    flags = {name: name in options for name in ("--anonymous", "--managed", "--headers")}
    options = [o for o in options if o not in flags]
    access = json.loads(pathlib.Path(access).read_text())
    others = flags["--anonymous"] or any("Authorization" in o for o in options)
    done = subprocess.run(
        ["curl", "-sS", *(["-I"] if method == "HEAD" else ["-i", "-X", method]), "--http1.1",
         "--max-time", "60", *access["ca"], *([] if others else access["user"]), *options,
         access["server"] + path], capture_output=True)
    if done.returncode:
        print("curl:", done.returncode, done.stderr.decode().strip())
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    status, *headers = head.decode(errors="replace").split("\r\n")
    print(status.partition(" ")[2].strip())
    if flags["--headers"]:
        for line in sorted(headers, key=str.lower):
            if line.split(":")[0].lower() in _SHOWN:
                print(line)
    _print_body(body, flags["--managed"])


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `http ... | head` ends quietly
    http_main(*sys.argv[1:])
