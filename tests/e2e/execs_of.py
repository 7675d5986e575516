#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""execs_of.py FILE...: what was executed, a line each, sorted: the file as the call
had it, the arguments, and the error or how the program ended (`exited 0`, `killed 9`,
`replaced`, `running`). FILE is what `execsnoop -l -j` wrote, or what
`strace -ff -o` did for a process, with -xx, so that both give the same lines for the
same work. Steps of a search along PATH are lines of their own, as in strace.

Names of the compiler's temporary files are masked: they are new each time."""
import json
import re
import sys

STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
CALL = re.compile(r"(execve|execveat)\((.*)\) = (-?\d+)(?: ([A-Z]+))?")
TEMPORARY = re.compile(r"/cc[A-Za-z0-9]{6}\b")
# What signal.h calls them, as far as they end programs here.
SIGNALS = {"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGABRT": 6, "SIGKILL": 9,
           "SIGSEGV": 11, "SIGPIPE": 13, "SIGTERM": 15}


def line(file, args, end):
    return TEMPORARY.sub("/ccXXXXXX", json.dumps([file, args, end]))


def is_script(file):
    try:
        with open(file, "rb") as content:
            return content.read(2) == b"#!"
    except OSError:
        return False


def strings(text):
    found = []
    for match in STRING.finditer(text):
        if match[2]:
            raise SystemExit(f"strace has cut a string: {text[:200]}")
        found.append(bytes.fromhex(match[1].replace("\\x", "")).decode())
    return found


def read_call(call):
    """The file and the arguments, without the environment."""
    file, _, rest = call.partition(", [")
    args, _, _ = rest.partition("]")
    return strings(file)[0], strings(args)


def end_of(text):
    if exited := re.fullmatch(r"\+\+\+ exited with (\d+) \+\+\+", text):
        return f"exited {exited[1]}"
    if killed := re.match(r"\+\+\+ killed by (SIG[A-Z0-9]+)", text):
        return f"killed {SIGNALS[killed[1]]}"
    return None


def from_strace(lines):
    """What one process did, which is one program after the other."""
    running = None
    for text in map(str.rstrip, lines):
        if call := CALL.match(text):
            file, args = read_call(call[2])
            if call[3] != "0":
                yield line(file, args, call[4])
                continue
            if running:
                yield line(*running, "replaced")
            # The kernel puts the file in the place of a script's own name.
            running = file, ([file] + args[1:] if is_script(file) else args)
        elif running and (end := end_of(text)):
            yield line(*running, end)
            running = None
        elif text.startswith("exec"):
            raise SystemExit(f"not understood: {text[:200]}")
    if running:
        yield line(*running, "running")


def end_of_event(event):
    if event["errno"]:
        return event["error"]
    value = {"exited": event.get("exit_code"), "killed": event.get("signal")}
    outcome = event["outcome"]
    return f"{outcome} {value[outcome]}" if outcome in value else outcome


def from_json(lines):
    for event in filter(lambda entry: entry["type"] == "event", map(json.loads, lines)):
        for probe in event["probes"]:
            yield line(probe["file"], event["args"], probe["error"])
        args = event["args"]
        if event["interpreter"]:
            args = args[args.index(event["file"]):]
        yield line(event["file"], args, end_of_event(event))


def main(paths):
    found = []
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            found += (from_json if path.endswith(".json") else from_strace)(lines)
    print("\n".join(sorted(found)))


if __name__ == "__main__":
    main(sys.argv[1:])
