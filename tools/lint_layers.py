#!/usr/bin/env python3
"""Checks the includes of src/ and workloads/ against each folder's deps.txt (ARCHITECTURE.md has the
table): an include of an undeclared module, a declared module that nothing includes, a cycle, a pure
module that depends on an impure one or includes system I/O, a module without README.md.

usage: lint_layers.py [ROOT]"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
IMPURE = re.compile(
    r"^(boost/|openssl/|sys/|unistd\.h|fcntl\.h|signal\.h|poll\.h|netinet/|arpa/|pthread\.h|sqlite3\.h|"
    r"spdlog/|prometheus/|thread$|mutex$|shared_mutex$|condition_variable$|future$|fstream$|"
    r"filesystem$|iostream$|cstdio$|stdio\.h$|csignal$|random$)")
# check.cc prints where a bug was met before it stops the program; nothing else pure writes.
IMPURE_ALLOWED = {"src/base/check.cc": {"cstdio"}}


class Module:
    def __init__(self, path):
        self.path = path
        self.name = path.name
        fields = {}
        for line in (path / "deps.txt").read_text().splitlines():
            key, _, value = line.partition(":")
            fields[key.strip()] = value.strip()
        self.purpose = fields.get("purpose", "")
        self.pure = fields.get("pure") == "yes"
        self.deps = set(fields.get("deps", "").split())
        self.test_deps = set(fields.get("test-deps", "").split())


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def check_module(root, module, modules, problems):
    used, used_by_tests = set(), set()
    for path in sorted(module.path.glob("*.cc")) + sorted(module.path.glob("*.h")):
        is_test = path.name.endswith("_test.cc")
        held_pure = module.pure or path.name.endswith(("_plan.cc", "_plan.h"))
        rel = path.relative_to(root).as_posix()
        for number, kind, name in includes(path):
            where = f"{rel}:{number}"
            if kind == '"':
                other = name.split("/")[0]
                if other not in modules or other == module.name:
                    continue
                (used_by_tests if is_test else used).add(other)
                allowed = module.deps | (module.test_deps if is_test else set())
                if other not in allowed:
                    problems.append(f"{where}: includes {name}, but deps.txt of {module.name} does not "
                                    f"name {other}")
            elif held_pure and not is_test and IMPURE.match(name):
                if name not in IMPURE_ALLOWED.get(rel, set()):
                    problems.append(f"{where}: <{name}> in a file that is held pure")
    for other in sorted(module.deps - used):
        problems.append(f"{module.path.name}/deps.txt: names {other} in deps, which no source includes")
    for other in sorted(module.test_deps - used_by_tests):
        problems.append(f"{module.path.name}/deps.txt: names {other} in test-deps, which no test includes")


def find_cycle(modules):
    done, path = set(), []

    def visit(name):
        if name in path:
            return path[path.index(name):] + [name]
        if name in done or name not in modules:
            return None
        path.append(name)
        for other in sorted(modules[name].deps):
            cycle = visit(other)
            if cycle:
                return cycle
        path.pop()
        done.add(name)
        return None

    for name in sorted(modules):
        cycle = visit(name)
        if cycle:
            return cycle
    return None


def run(root):
    problems = []
    modules = {p.parent.name: Module(p.parent) for p in sorted(root.glob("src/*/deps.txt"))}
    workloads = [Module(p.parent) for p in sorted(root.glob("workloads/*/deps.txt"))]
    for folder in sorted(root.glob("src/*/")):
        if folder.is_dir() and folder.name not in modules:
            problems.append(f"src/{folder.name}: has no deps.txt")
    for module in list(modules.values()) + workloads:
        if not module.purpose:
            problems.append(f"{module.name}/deps.txt: has no purpose")
        if not (module.path / "README.md").exists():
            problems.append(f"{module.name}: has no README.md")
        for other in sorted(module.deps | module.test_deps):
            if other not in modules:
                problems.append(f"{module.name}/deps.txt: names {other}, which is no module")
            elif module.pure and other in module.deps and not modules[other].pure:
                problems.append(f"{module.name}/deps.txt: is pure and depends on {other}, which is not")
        check_module(root, module, modules, problems)
    cycle = find_cycle(modules)
    if cycle:
        problems.append("modules depend on each other in a circle: " + " -> ".join(cycle))
    return problems


if __name__ == "__main__":
    found = run(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    for problem in found:
        print(problem)
    sys.exit(1 if found else 0)
