#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gtest-verdicts.py PROGRAM...: runs GoogleTest programs and prints a verdict
for each of their tests: PASS, FAIL or SKIP, the program and the test, and the
reason in the lines behind it. A program that dies is a failure of its own."""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml


def verdict(case):
    lines = [line for failure in case.findall("failure")
             for line in failure.get("message", "").splitlines()]
    if lines:
        return "FAIL", lines
    skipped = case.find("skipped")
    if skipped is not None:
        return "SKIP", skipped.get("message", "").splitlines()
    if case.get("status") == "notrun":
        return "SKIP", ["disabled"]
    return "PASS", []


def say(word, name, lines):
    print(word, name)
    for line in lines:
        print("  |", line)


def run(program):
    name = os.path.basename(program)
    failed = 0
    with tempfile.NamedTemporaryFile() as report:
        done = subprocess.run(
            [program, "--gtest_brief=1", f"--gtest_output=xml:{report.name}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
        text = report.read()
    for case in xml.fromstring(text).iter("testcase") if text.strip() else ():
        word, lines = verdict(case)
        failed += word == "FAIL"
        say(word, f"{name} {case.get('classname')}.{case.get('name')}", lines)
    if done.returncode and not failed:
        say("FAIL", f"{name} ended with status {done.returncode}",
            done.stdout.splitlines()[-60:])


for path in sys.argv[1:]:
    run(os.path.abspath(path))
