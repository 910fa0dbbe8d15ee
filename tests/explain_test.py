#!/usr/bin/env python3
"""`weir explain` and the objects of kind Decision: what is stored, what only memory has, who may write,
that a record's inputs replay to its decision, what goes with the autoscaler, and a restart."""
import json
import subprocess

from harness import NS, Failure, check, cluster, run_cases, wait_for

DECISIONS = "/apis/weir.dev/v1alpha1/namespaces/default/decisions"
OBJECTS = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 5
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 3
  metrics:
  - type: External
    external: {metric: {name: queue}, target: {type: AverageValue, averageValue: "10"}}
"""


def start(args, *flags):
    c = cluster(args, "--kubelet", "none", "--hpa-sync-period", "1s", *flags)
    c.start()
    c.kubectl("apply", "-f", "-", stdin=OBJECTS)
    return c


def explain(c, *args, check_status=True):
    run = subprocess.run([str(c.weir), "explain", *args], capture_output=True, text=True,
                         env=c.kubectl_env(), timeout=30)
    if check_status and run.returncode != 0:
        raise Failure(f"weir explain {args}: {run.stderr.strip()}")
    return run.stdout + run.stderr


def names(c):
    return [d["metadata"]["name"] for d in c.get(DECISIONS)["items"]]


def explains_now_and_then(args):
    c = start(args)
    try:
        wait_for("a change to be stored and a newer decision",
                 lambda: len(names(c)) == 2 and "cannot be read" in explain(c, "hpa/web"), 30)
        first, latest = names(c)
        check(first.startswith("web.2") and latest == "web.latest", f"{first} {latest}")
        text = explain(c, "hpa/web")
        check(text.startswith("Deployment web stays at 3 replicas: external metric queue cannot be "
                              "read ("), text)
        change = c.get(f"{DECISIONS}/{first}")
        text = explain(c, "hpa/web", "--at", change["time"])
        check(text.startswith("Deployment web goes from 5 to 3 replicas: it has 5 replicas, and "
                              "maxReplicas is 3. More only with a higher maxReplicas."), text)
        last = text.rstrip("\n").split("\n")[-1]
        again = f"weir explain hpa/web --at {change['time']} -o json | weir hpa replay -"
        check(last == f"Decide it again: {again}", last)
        # After the change, before the newest: what was seen then is not known.
        text = explain(c, "hpa/web", "--at", change["time"].replace("000Z", "001Z"))
        check(text.startswith("The last change before ") and f"was made at {change['time']}" in text
              and "\nDeployment web goes from 5 to 3 replicas" in text, text)
        check("the oldest one is of" in explain(c, "hpa/web", "--at", "1h", check_status=False),
              "before the oldest")
        check('"api" not found' in explain(c, "hpa/api", check_status=False), "another's name")
        record = json.loads(explain(c, "hpa/web", "--at", change["time"], "-o", "json"))
        check(record == change, f"{record} is not {change}")
        answer = subprocess.run([str(c.weir), "hpa", "replay", "-"], input=record["scenario"],
                                capture_output=True, text=True, timeout=30, check=True).stdout
        check(json.loads(answer)["steps"][0]["scaleTo"] == 3, answer)
        for printed in (explain(c, "hpa/web", "-o", "json"), c.kubectl("get", "decisions", "-o", "json")):
            answers = subprocess.run([str(c.weir), "hpa", "replay"], input=printed, capture_output=True,
                                     text=True, timeout=30, check=True).stdout.splitlines()
            check(answers and all(json.loads(line)["same"] for line in answers), answers)
        table = c.kubectl("get", "decisions").split("\n")
        check(table[0].split() == ["NAME", "HPA", "FROM", "TO", "RULE", "AGE"], table[0])
        check(table[1].split()[1:5] == ["web", "5", "3", "MaxReplicas"], table[1])
        text = c.kubectl("delete", "decisions", first, check=False)
        check("MethodNotAllowed" in text, text)
        # Another life: what was stored is there, and goes with its autoscaler.
        c.stop()
        c.start()
        check(first in names(c), f"{names(c)} after a restart")
        c.kubectl("delete", "hpa", "web")
        wait_for("the decisions to go", lambda: names(c) == [], 30)
    finally:
        c.close()


def replay_tells_a_bad_line_and_answers_the_others(args):
    line = '{"name":"%s","hpa":{"spec":{"maxReplicas":%s}},"steps":[]}\n'
    run = subprocess.run([str(args.weir), "hpa", "replay"], input=line % ("a", '"5"') + " \n" + line % ("b", 5),
                         capture_output=True, text=True, timeout=30)
    check(run.returncode == 1, run.returncode)
    check(run.stdout == '{"name":"b","steps":[]}\n', run.stdout)
    check(run.stderr == "weir hpa replay: standard input: line 1: hpa: spec: maxReplicas: "
                        "must be a whole number\n", run.stderr)


def tells_autoscalers_apart_whatever_their_names(args):
    """Two names that leave no room behind them and begin alike, whose target is not there."""
    c = start(args)
    lost = ["l" + "o" * 249 + end for end in "xy"]
    try:
        for name in lost:
            hpa = OBJECTS.split("---")[1].replace("metadata: {name: web}", f"metadata: {{name: {name}}}")
            c.kubectl("apply", "-f", "-", stdin=hpa.replace("Deployment, name: web", "Deployment, name: lost"))
        wait_for("a decision of each", lambda: {d["hpa"] for d in c.get(DECISIONS)["items"]} >= set(lost), 30)
        for d in c.get(DECISIONS)["items"]:
            if d["hpa"] in lost:
                check(d["rule"] == "UnknownScale" and "from" not in d and "to" not in d, d)
        rows = [line.split() for line in c.kubectl("get", "decisions").split("\n")]
        cells = [row[1:3] for row in sorted(rows, key=lambda row: row[1:2]) if row and "lo" in row[0]]
        check(cells == [[name, "UnknownScale"] for name in lost], cells)  # nothing below FROM and TO
        for name in lost:
            check("is left as it is: its scale cannot be read" in explain(c, f"hpa/{name}"), name)
        wait_for("an event of each", lambda: {e["involvedObject"]["name"] for e in c.get(f"{NS}/events")["items"]
                                              if e["reason"] == "FailedGetScale"} >= set(lost), 30)
    finally:
        c.close()


def nothing_of_it_under_upstream_exact(args):
    c = start(args, "--upstream-exact")
    try:
        groups = [group["name"] for group in c.get("/apis")["groups"]]
        check("weir.dev" not in groups, groups)
        status, _ = c.request("GET", "/apis/weir.dev/v1alpha1")
        check(status == 404, status)
        c.get(f"{NS}/pods")
        text = explain(c, "hpa/web", check_status=False)
        check("this cluster keeps no decisions" in text, text)
    finally:
        c.close()


run_cases([explains_now_and_then, replay_tells_a_bad_line_and_answers_the_others,
           tells_autoscalers_apart_whatever_their_names,
           nothing_of_it_under_upstream_exact])
