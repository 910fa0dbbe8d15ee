"""Terminal sessions as tests: a file of commands and what they print, played against a cluster.

    # a comment
    $ kubectl get pods          a command; the lines after it are its output (stdout, then stderr)
    $~ kubectl get pods         repeated until it prints this, for 30 s at most
    $! sleep 1                  set-up: runs, its output is not compared
    > continued                 the command's next line
    [exit 1]                    the exit status, where it is not 0

What changes from run to run is replaced before the comparison: ages, times, hashes, suffixes,
addresses, node ports, uids, versions; runs of blanks in a line count as two. With WEIR_UPDATE_GOLDENS=1
the outputs are written anew instead: read the difference before it is committed."""
import difflib
import os
import re
import subprocess
import time

REPLACEMENTS = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "DATE"),
    (r"\b(127|10)(\.\d+){3}\b", "IP"),
    # Ages: 5s, 2m10s, 3h; with the count of an event: 5s (x3 over 10s).
    (r"(?<![\w./:-])(\d+[dhms]){1,2}( \(x\d+ over (\d+[dhms]){1,2}\))?(?![\w/-])", "AGE"),
    (r"<invalid>", "AGE"),
    (r"\b(consumer|producer|redis-master|prometheus-redis-exporter|web)-[0-9a-z]{6,10}-[0-9a-z]{5}\b",
     r"\1-HASH-RAND"),
    (r"\b(consumer|producer|redis-master|prometheus-redis-exporter|web)-[0-9a-f]{8,10}\b",
     r"\1-HASH"),
    (r"\b(consumer|producer|redis-master|prometheus-redis-exporter|web)-(?=[0-9a-z]*\d)[0-9a-z]{8,10}\b",
     r"\1-HASH"),
    (r"\b(\d+):3[0-2]\d{3}/TCP", r"\1:NODEPORT/TCP"),
    (r'("?resourceVersion"?: ?)"\d+"', r'\1"RV"'),
]


def normalise(text):
    for pattern, replacement in REPLACEMENTS:
        text = re.sub(pattern, replacement, text)
    lines = [re.sub(r"(?<=\S)[ \t]{2,}", "  ", line).rstrip() for line in text.splitlines()]
    return "\n".join(lines).strip("\n")


class Step:
    def __init__(self, kind, command):
        self.kind, self.command, self.expected = kind, command, []

    def text(self, output):
        first, *rest = self.command.split("\n")
        lines = [f"${self.kind} {first}"] + [f"> {line}" for line in rest]
        if self.kind != "!":
            lines += ["\\" + line if re.match(r"[$#>\\]", line) else line
                      for line in output.splitlines()]
        return lines


def parse(text):
    """Steps and comment lines, in order."""
    items = []
    for line in text.splitlines():
        match = re.match(r"\$([~!]?) (.*)", line)
        step = items[-1] if items and isinstance(items[-1], Step) else None
        if match:
            items.append(Step(match.group(1), match.group(2)))
        elif line.startswith("#") or (not line and (step is None or not step.expected)):
            items.append(line)
        elif step is None:
            raise ValueError(f"output before any command: {line}")
        elif line.startswith("> ") and not step.expected:
            step.command += "\n" + line[2:]
        else:
            step.expected.append(re.sub(r"^\\", "", line))
    for step in items:
        if isinstance(step, Step):
            step.expected = "\n".join(step.expected).strip("\n")
    return items


def run(command, env, cwd):
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=env, cwd=cwd,
                          timeout=120, stdin=subprocess.DEVNULL)
    output = done.stdout + done.stderr
    if done.returncode:
        output += ("" if not output or output.endswith("\n") else "\n") + f"[exit {done.returncode}]"
    return normalise(output)


def settle(command, env, cwd):
    """For writing goldens: the output once it has stayed the same for 2.5 s."""
    last, since = None, time.monotonic()
    end = time.monotonic() + 40
    while time.monotonic() < end:
        output = run(command, env, cwd)
        if output != last:
            last, since = output, time.monotonic()
        elif time.monotonic() - since > 2.5:
            break
        time.sleep(0.2)
    return last


def play_step(step, env, cwd, patience):
    output = run(step.command, env, cwd)
    end = time.monotonic() + patience
    while step.kind == "~" and output != step.expected and time.monotonic() < end:
        time.sleep(0.1)
        output = run(step.command, env, cwd)
    return output


def play(path, env, cwd, patience=30):
    """The number of steps that answered differently; a diff of each is printed."""
    update = os.environ.get("WEIR_UPDATE_GOLDENS") == "1"
    items, failures, lines = parse(path.read_text()), 0, []
    for item in items:
        if isinstance(item, str):
            lines.append(item)
            continue
        if update:
            output = settle(item.command, env, cwd) if item.kind == "~" else run(
                item.command, env, cwd)
            lines += item.text(output)
            continue
        output = play_step(item, env, cwd, patience)
        if item.kind != "!" and output != item.expected:
            failures += 1
            print(f"--- {path.name}: $ {item.command}", flush=True)
            print("\n".join(difflib.unified_diff(item.expected.split("\n"), output.split("\n"),
                                                 "expected", "printed", lineterm="", n=2)))
    if update:
        path.write_text("\n".join(lines) + "\n")
    return failures
