#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges the user stacks of a profile: which reach the place where their thread
begins, and which are what the profiled program says that they must be
(tests/workloads/unwind/known.h). Reads cpuprof's JSON, and what perf script
prints, so that both are measured in the same way.

    stacks.py PROFILE [--process NAME] [--truth FILE] [--least PCT] [--most PCT]
              [--samples N]

prints what it found. Fails when fewer than PCT of the stacks (--least, 99) are
whole or as the truth says, when more are (--most), or when there are fewer than
N samples (100)."""

import argparse
import collections
import json
import re
import sys

Frame = collections.namedtuple("Frame", "name object kernel reason")
Stack = collections.namedtuple("Stack", "process count frames")

# Where threads begin: of programs, the dynamic linker, threads of the C
# library, its contexts, and Go.
ROOTS = {"_start", "_dl_start_user", "__clone3", "clone3", "__clone", "clone",
         "thread_start", "__start_context", "runtime.goexit",
         "runtime.rt0_go", "runtime.mstart", "runtime.mcall",
         "runtime.clone", "_rt0_amd64_linux", "_rt0_amd64"}

# Which of their callers frame pointers do not find, because the C library has
# none. A stack that reaches them has all that is of interest.
FIRST_FUNCTIONS = {"__libc_start_call_main", "start_thread"}

# In these the process has no user stack: it ends, or its program is replaced.
NO_USER_STACK = {"do_exit", "begin_new_exec", "load_elf_binary",
                 "ret_from_fork_asm"}

# What perf script -F comm,pid,tid,ip,sym,dso prints.
PERF_FIELDS = "comm,pid,tid,ip,sym,dso"
PERF_SAMPLE = re.compile(r"^\s*(\S.*?)\s+-?\d+/-?\d+\s*:?\s*$")
# What the compiler and the linker add to a function's name.
SUFFIX = re.compile(r"(\.cold|\.part\.\d+|@@?[A-Z_.0-9a-z]+)+$")
PERF_FRAME = re.compile(r"^\s+([0-9a-f]+) (.*) \((.*)\)$")


def read_json(lines):
    for line in lines:
        record = json.loads(line)
        if record["type"] == "stack":
            yield Stack(record["process"] or record["comm"], record["count"],
                        [Frame(frame["name"], frame["object"], frame["kernel"],
                               frame.get("name_reason"))
                         for frame in record["frames"]
                         if not frame.get("inlined")])


def read_perf(lines):
    """One stack a sample; perf prints the leaf first."""
    process, frames = None, []
    for line in lines:
        sample, frame = PERF_SAMPLE.match(line), PERF_FRAME.match(line)
        if sample:
            process = sample[1]
        elif frame:
            frames.append(perf_frame(*frame.groups()))
        elif process is not None and not line.strip():
            yield Stack(process, 1, frames[::-1])
            process, frames = None, []


def perf_frame(address, name, where):
    kernel = int(address, 16) >= 1 << 63
    return Frame(None if name == "[unknown]" else name,
                 where.rsplit("/", 1)[-1], kernel, None)


def read(lines):
    """A profile of either kind; which, its first character tells."""
    lines = iter(lines)
    first = next(lines, "")
    rest = (line for part in ([first], lines) for line in part)
    return read_json(rest) if first.startswith("{") else read_perf(rest)


def user_frames(stack):
    return [frame for frame in stack.frames if not frame.kernel]


def has_user_stack(stack):
    return not any(frame.kernel and frame.name in NO_USER_STACK
                   for frame in stack.frames)


# Of all samples, the share that --leave-out may have.
MOST_LEFT_OUT = 0.03


def is_whole(frames, roots):
    """Whether the first frame is where a thread begins. A stripped program's
    has no name; it called what nothing else calls."""
    if not frames:
        return False
    first = frames[0].name or ""
    if first:
        return first.removesuffix(".abi0") in ROOTS or first in roots
    second = (frames[1].name if len(frames) > 1 else None) or ""
    return frames[0].object != "[unknown]" and (
        second.startswith(("__libc_start_main", "_dl_start")) or
        second in roots)


class Share:
    def __init__(self, title):
        self.title = title
        self.good = self.all = 0
        self.bad = collections.Counter()

    def add(self, stack, good):
        self.all += stack.count
        if good:
            self.good += stack.count
        else:
            frames = user_frames(stack)
            # Where it ended, and what it is a stack of.
            self.bad[names(frames[:3]) + " … " + names(frames[-2:])] += (
                stack.count)

    def percent(self):
        return 100 * self.good / self.all if self.all else 0

    def show(self):
        print(f"{self.title}: {self.percent():.2f} % of {self.all} samples")
        for what, count in self.bad.most_common(8):
            print(f"    {count:6} not: {what}")


def names(frames):
    return " ".join(
        frame.name or (f"[{frame.reason or ''}]" if frame.object == "[unknown]"
                       else frame.object)
        for frame in frames) or "nothing"


class Truth:
    """What the program has printed about its stacks."""

    def __init__(self, lines):
        self.chains = []
        self.callers = {}
        self.roots = set()
        for line in lines:
            kind, *words = line.split() or [""]
            if kind == "chain":
                self.chains.append((" ".join(words), words))
            elif kind == "edge":
                self.callers.setdefault(words[1], set()).add(words[0])
            elif kind == "root":
                self.roots.add(words[0])

    def known_calls(self, frames):
        """Pairs of consecutive frames that the program says something about.
        What has no name could be anything."""
        return [(caller.name, called.name)
                for caller, called in zip(frames, frames[1:])
                if caller.name and called.name in self.callers]

    def is_wrong(self, call):
        return call[0] not in self.callers[call[1]]


def pattern(words):
    """A chain as a regular expression over names that each have / before."""
    parts = []
    for word in words:
        name, _, times = word.partition("*")
        if word == "*":
            parts.append("(?:/[^/]*)*?")
        else:
            one = "/" + ("" if name == "-" else re.escape(name))
            parts.append(f"(?:{one}){{{times or 1}}}")
    return re.compile("".join(parts) + "(?:/|$)")


def check_chain(stacks, title, words):
    share = Share(f"chain {title}")
    wanted, last = pattern(words), words[-1].partition("*")[0]
    for stack in stacks:
        found = [SUFFIX.sub("", frame.name or "")
                 for frame in user_frames(stack)]
        if last in found:
            text = "".join("/" + name.replace("/", ":") for name in found)
            share.add(stack, wanted.search(text) is not None)
    return share


def whole_share(stacks, roots=()):
    share = Share("whole")
    for stack in stacks:
        share.add(stack, is_whole(user_frames(stack), roots))
    return share


def wrong_calls(stacks, truth):
    """The calls that cannot be, and how many were looked at."""
    calls = collections.Counter()
    for stack in stacks:
        for call in truth.known_calls(user_frames(stack)):
            calls[call] += stack.count
    wrong = {call: count for call, count in calls.items()
             if truth.is_wrong(call)}
    if truth.callers:
        print(f"wrong calls: {sum(wrong.values())} of {calls.total()}")
    for (caller, called), count in list(wrong.items())[:8]:
        print(f"    {count:6} {caller} cannot call {called}")
    return wrong, calls.total()


def leave_out(stacks, expression):
    """Stacks that nobody could walk, if they are few: the others."""
    kept, left, count = [], 0, 0
    for stack in stacks:
        text = ";".join(frame.name or f"[{frame.reason or frame.object}]"
                        for frame in user_frames(stack))
        count += stack.count
        if re.search(expression, text):
            left += stack.count
        else:
            kept.append(stack)
    print(f"left out: {left} of {count} samples, as {expression}")
    return kept if left <= count * MOST_LEFT_OUT else stacks


def check(stacks, truth, options):
    if options.leave_out:
        stacks = leave_out(stacks, options.leave_out)
    shares = [whole_share(stacks, truth.roots)]
    shares += [check_chain(stacks, *chain) for chain in truth.chains]
    for share in shares:
        share.show()
    wrong, looked_at = wrong_calls(stacks, truth)
    if truth.callers and not looked_at:
        print("no call that the truth speaks of")
        return False
    if shares[0].all < options.samples:
        print(f"fewer than {options.samples} samples")
        return False
    if options.most is not None:
        return shares[0].percent() <= options.most
    return not wrong and all(share.percent() >= options.least
                             for share in shares)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("profile")
    parser.add_argument("--process")
    parser.add_argument("--truth")
    parser.add_argument("--least", type=float, default=99)
    parser.add_argument("--most", type=float)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--leave-out", metavar="EXPRESSION")
    options = parser.parse_args()
    with open(options.profile, errors="replace") as file:
        stacks = [stack for stack in read(file)
                  if options.process in (None, stack.process)]
    walkable = [stack for stack in stacks if has_user_stack(stack)]
    print(f"{sum(stack.count for stack in stacks)} samples, of them "
          f"{sum(stack.count for stack in walkable)} with a user stack")
    truth = Truth(open(options.truth) if options.truth else [])
    sys.exit(0 if check(walkable, truth, options) else 1)


if __name__ == "__main__":
    main()
