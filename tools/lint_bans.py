#!/usr/bin/env python3
"""Words that may stand in some places only: pattern, where it is allowed, what to use instead
(STYLE.md gives the reasons). Comments and string literals do not count.

usage: lint_bans.py [ROOT]"""
import pathlib
import re
import sys

# (name, pattern, allowed path prefixes, advice)
BANS = [
    ("clock", r"\b(system_clock|steady_clock|high_resolution_clock)::now\s*\(|\bclock_gettime\s*\(|"
              r"\bgettimeofday\s*\(|(?<![\w.>:])time\s*\(\s*(NULL|nullptr|0|&)",
     ("src/platform/", "bench/"), "take `now` as an argument, or hold an env::Clock"),
    ("entropy", r"\brandom_device\b|\bstd::(mt19937|uniform_int_distribution|"
                r"uniform_real_distribution|rand)\b|(?<![\w.>:])s?rand\s*\(",
     ("src/platform/", "src/env/"), "take an env::Random"),
    ("sleep", r"\bsleep_for\b|\bsleep_until\b|(?<![\w.>:])u?sleep\s*\(|\bnanosleep\s*\(",
     (), "wait for the event itself, or net::Sleep in a shell"),
    ("detached", r"\basio::detached\b|\bboost::asio::detached\b", ("src/net/",),
     "start tasks in a net::TaskGroup"),
    ("threads", r"\bstd::(thread|jthread|mutex|shared_mutex|async|condition_variable)\b",
     ("src/platform/", "src/net/", "bench/"), "work on the loop, or give it to net::BlockingPool"),
    ("environment", r"(?<![\w.>:])(getenv|secure_getenv)\s*\(|\bstd::getenv\b", ("src/platform/",),
     "platform::GetEnv, called in app"),
    ("processes", r"(?<![\w.>:])(fork|vfork|execve?|execvpe?|popen|system|posix_spawnp?)\s*\(",
     ("src/platform/", "src/brokers/testing.h"), "platform::StartProcess"),
    ("locale", r"\b(strtod|strtof|atof|atoi|atol|setlocale)\s*\(|\bstd::(stod|stof|stoi|stol|stoul|"
               r"stoll|stoull)\b", (), "base/strings.h"),
    ("regex", r"\bstd::regex\b", (), "RE2"),
    ("c5", r"co_await\s[^;]*\[[&=\w][^\]]*\]\s*(\(|\{|mutable)", (),
     "name the lambda on the line before: g++ 12 destroys captures twice"),
]
CASTS = re.compile(r"\breinterpret_cast\b")
CAST_ALLOWED = ("src/net/", "src/platform/", "fuzz/", "workloads/")
THROWS = re.compile(r"\bthrow\b|(?<!\w)try\s*\{|\bco_await\b")
# A coroutine's parameters and body. References that it may take: the writer, which the caller of a
# handler keeps, and dependencies that outlive every task.
COROUTINE = re.compile(r"\bTask<[^;{}()]*>\s+[\w:]+\(([^;{}]*?)\)[\w\s]*\{((?:.|\n)*?\n *\}\n|[^\n]*\})")
LASTING = re.compile(r"\b(ResponseWriter|Loop|Client|HttpClient|Registry)&")
UNORDERED = re.compile(r"\bunordered_(map|set|multimap|multiset)\b")
ORDERED_ONLY = ("src/autoscale/", "src/rules/", "src/sim/")
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
NOLINT = re.compile(r"NOLINT(?!(NEXTLINE|BEGIN|END)?\([\w.,-]+\):? \S)")


def strip(text):
    """Blanks comments and literals, keeping line numbers."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    pattern = re.compile(r'R"(\w*)\((?:.|\n)*?\)\1"|//[^\n]*|/\*(?:.|\n)*?\*/|"(?:\\.|[^"\\\n])*"|'
                         r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'")
    return pattern.sub(blank, text)


def conditions_that_await(code):
    """Where a condition awaits: `if (co_await f())`, a loop's condition, a side of && or ||."""
    yield from re.finditer(r"(&&|\|\||\?)\s*!?\s*co_await\b", code)
    for match in re.finditer(r"\b(if|while|for)\s*\(", code):
        depth, end, parts = 1, match.end(), [match.end()]
        while depth and end < len(code):
            depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(code[end], 0)
            if depth == 1 and code[end] == ";":
                parts.append(end)
            end += 1
        # `if (const bool ok = co_await f(); !ok)`: the condition is what follows the first `;`.
        first = 1 if len(parts) > 1 else 0
        last = parts[2] if len(parts) > 2 else end
        if re.search(r"\bco_await\b", code[parts[first]:last]):
            yield match


def pure_modules(root):
    return {p.parent.name for p in root.glob("src/*/deps.txt") if "pure: yes" in p.read_text()}


def check_file(rel, text, pure):
    problems = []
    code = strip(text)

    def report(match, name, advice):
        line = code.count("\n", 0, match.start()) + 1
        problems.append(f"{rel}:{line}: {name}: {advice}")

    for name, pattern, allowed, advice in BANS:
        if rel.startswith(allowed):
            continue
        for match in re.finditer(pattern, code):
            report(match, name, advice)
    for match in conditions_that_await(code):
        report(match, "condition", "write `if (const bool ok = co_await f(); !ok)`: g++ 12 "
               "miscompiles jumps behind a condition that awaits")
    parts = rel.split("/")
    is_test = rel.endswith("_test.cc")
    held_pure = parts[0] == "src" and (parts[1] in pure or rel.endswith(("_plan.cc", "_plan.h")))
    if held_pure and not is_test and not rel.startswith("src/base/yaml"):
        for match in THROWS.finditer(code):
            report(match, "pure", "pure code returns Result, throws nothing and awaits nothing")
    if not rel.startswith(CAST_ALLOWED) and not is_test:
        for match in CASTS.finditer(code):
            report(match, "cast", "reinterpret_cast belongs to net and platform")
    if not is_test:
        for match in COROUTINE.finditer(code):
            if "&" in LASTING.sub("", match[1]) and re.search(r"\bco_(await|return)\b", match[2]):
                report(match, "reference", "a coroutine takes its parameters by value: what it "
                       "borrows may be gone when it resumes")
    if rel.startswith(ORDERED_ONLY):
        for match in UNORDERED.finditer(code):
            report(match, "order", "ordered containers only: the same inputs give the same bytes")
    for number, line in enumerate(text.splitlines(), 1):
        if TODO.search(line):
            problems.append(f"{rel}:{number}: todo: name the issue, TODO(#N), or do it")
        if "NOLINT" in line and NOLINT.search(line):
            problems.append(f"{rel}:{number}: nolint: name the check and the reason")
    return problems


def run(root):
    pure = pure_modules(root)
    problems = []
    for folder in ("src", "workloads", "fuzz", "bench"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".cc", ".h"):
                problems += check_file(path.relative_to(root).as_posix(), path.read_text(), pure)
    return problems


if __name__ == "__main__":
    found = run(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    for problem in found:
        print(problem)
    sys.exit(1 if found else 0)
