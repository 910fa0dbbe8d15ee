#!/usr/bin/env python3
"""One bad sample for each rule of lint_bans.py and lint_layers.py, which must be found, and good ones
that must not."""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import lint_bans  # noqa: E402
import lint_layers  # noqa: E402

BAD = {
    "clock": "auto t = std::chrono::system_clock::now();",
    "entropy": "std::random_device d;",
    "sleep": "std::this_thread::sleep_for(x);",
    "detached": "co_spawn(e, f(), boost::asio::detached);",
    "threads": "std::thread t;",
    "environment": 'auto v = getenv("A");',
    "processes": "if (fork() == 0) {}",
    "locale": "double d = strtod(s, nullptr);",
    "regex": "std::regex r;",
    "c5": "co_await Run([&x] { x(); });",
    "condition": "if (!co_await f()) co_return;",
    "reference": "net::Task<int> F(Loop& loop, const Call& call) {\n  co_return 1;\n}\n",
    "cast": "auto p = reinterpret_cast<char*>(q);",
    "todo": "// TODO: later",
    "nolint": "int x;  // NOLINT",
}
GOOD = [
    '// getenv("A") in a comment',
    'auto s = "std::thread";',
    "clock.Now();",
    "// TODO(#12): a named one",
    "co_await group.Stop();",
    "if (const bool ok = co_await f(); !ok) co_return;",
    "for (bool ok = co_await f(); ok; ok = co_await f()) {}",
    "net::Task<int> F(net::Loop& loop, Call call) {\n  co_return 1;\n}\n",
    "net::Task<int> F(const Call& call) { return G(call); }\nTask<int> H() { co_return 1; }\n",
    "auto x = values[i]; co_await f(x);",
    "int y;  // NOLINT(misc-no-recursion): depth is limited by the parser",
]


def write(root, rel, text):
    path = root / rel
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def layers(tree):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for rel, text in tree.items():
            write(root, rel, text)
        return "\n".join(lint_layers.run(root))


def module(name, deps="", pure="no", source=""):
    return {f"src/{name}/deps.txt": f"purpose: x\npure: {pure}\ndeps: {deps}\n",
            f"src/{name}/README.md": "x", f"src/{name}/{name}.cc": source}


def main():
    failures = []
    for rule, line in BAD.items():
        if not any(f": {rule}: " in p for p in lint_bans.check_file("src/x/x.cc", line + "\n", set())):
            failures.append(f"lint_bans does not find {rule}: {line}")
    pure = lint_bans.check_file("src/x/x.cc", "void f() { throw 1; }\n", {"x"})
    order = lint_bans.check_file("src/autoscale/x.cc", "std::unordered_map<int, int> m;\n", set())
    if not pure or not order:
        failures.append("lint_bans does not find throw in a pure module, or unordered in autoscale")
    for line in GOOD:
        found = lint_bans.check_file("src/x/x.cc", line + "\n", set())
        if found:
            failures.append(f"lint_bans finds fault with {line}: {found}")
    cases = {
        "does not name b": module("a", source='#include "b/b.h"\n') | module("b"),
        "which no source includes": module("a", deps="b") | module("b"),
        "is pure and depends on": module("a", "b", "yes", '#include "b/b.h"\n') | module("b"),
        "held pure": module("a", pure="yes", source="#include <thread>\n"),
        "in a circle": module("a", "b", source='#include "b/b.h"\n') |
                       module("b", "a", source='#include "a/a.h"\n'),
        "has no deps.txt": {"src/a/a.cc": ""},
        "has no README.md": {"src/a/deps.txt": "purpose: x\npure: no\ndeps:\n"},
    }
    for wanted, tree in cases.items():
        if wanted not in layers(tree):
            failures.append(f"lint_layers does not say '{wanted}'")
    if layers(module("a", "b", "no", '#include "b/b.h"\n') | module("b", pure="yes")):
        failures.append("lint_layers finds fault with a good tree")
    print("\n".join(failures) if failures else "lint self-test: all rules hold")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
