#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uses a flame graph in a real browser, Chromium without a window, as a person
would: with the pointer and with keys.

    browser.py CHECK FILE [PICTURE]

runs the check of that name on the file, and fails when it does not hold, when
the page asks for anything but the file, or when the browser has a word to say
on its console. PICTURE is where a screenshot goes."""

import json
import pathlib
import sys
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

PATIENCE = 60  # seconds for what takes a moment
LIGHT, DARK = "light", "dark"


def check(holds, text):
    if not holds:
        raise SystemExit(f"browser.py: {text}")


class Page:
    def __init__(self, file, width=1200, height=900, scheme=LIGHT, script=True):
        options = Options()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu",
                         "--hide-scrollbars", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs",
                               {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"),
                                       options=options)
        self.command("Emulation.setDeviceMetricsOverride", width=width,
                     height=height, deviceScaleFactor=1, mobile=False)
        self.command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}])
        self.command("Emulation.setScriptExecutionDisabled", value=not script)
        self.url = pathlib.Path(file).resolve().as_uri()
        self.driver.get(self.url)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.check_quiet()
        self.driver.quit()

    def command(self, name, **arguments):
        return self.driver.execute_cdp_cmd(name, arguments)

    def check_quiet(self):
        console = self.driver.get_log("browser")
        check(not console, f"console: {console}")
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                check(url == self.url, f"a request for {url}")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text(self, name):
        return self.run("return document.getElementById(arguments[0])"
                        ".textContent", name)

    def await_text(self, name, expected):
        """Until an element says so."""
        deadline = time.monotonic() + PATIENCE
        while self.text(name) != expected:
            check(time.monotonic() < deadline,
                  f"#{name}: {self.text(name)!r}, not {expected!r}")

    def await_facts(self, name, *facts):
        self.await_text("name", name)
        for fact in facts:
            check(fact in self.text("facts"),
                  f"{name}: {self.text('facts')!r}, without {fact!r}")

    def rect(self, index):
        """Where a rectangle is in the window; without width if it is not."""
        return self.run("const r = document.querySelectorAll('#graph rect')"
                        "[arguments[0]].getBoundingClientRect();"
                        "return [r.x, r.y, r.width, r.height]", index)

    def widths(self):
        return [round(self.rect(i)[2]) for i in range(self.count("#graph rect"))]

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length",
                        selector)

    def labels(self):
        return self.run("return [...document.querySelectorAll('#graph text')]"
                        ".map(text => text.firstChild.textContent)")

    def point_at(self, index, click=False):
        x, y, width, height = self.rect(index)
        actions = ActionChains(self.driver)
        actions.w3c_actions.pointer_action.move_to_location(
            int(x + min(width / 2, 20)), int(y + height / 2))
        if click:
            actions.w3c_actions.pointer_action.click()
        actions.perform()

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def button(self, name):
        element = self.driver.find_element("id", name)
        check(element.is_enabled(), f"the button {name} is off")
        element.click()

    def picture(self, file):
        self.driver.save_screenshot(file)


# The frames of the case `kinds`: row by row from the root, each by name.
ALL, JAVA, LOOP, OLD, WALK, SYSCALL, INNER, STEP = range(8)


def check_pointer(file, picture):
    with Page(file) as page:
        check(page.widths() == [1180, 1180, 177, 59, 944, 236, 590, 236] or
              page.widths() == [round(w) for w in
                                (1179.5, 1179.5, 176.5, 58.5, 943.5, 235.5,
                                 589.5, 235.5)], f"{page.widths()}")
        page.point_at(SYSCALL)
        page.await_facts("do_syscall_64", "kernel, [kernel]", "20 samples",
                         "20.00 % of all", "25.00 % of the caller")
        page.point_at(OLD)
        page.await_facts("[libold.so: stripped]", "unnamed, libold.so",
                         "stripped", "5 samples")
        page.point_at(WALK, click=True)
        # Its callers stay, as wide as it; its siblings go.
        check(page.widths()[:5] == [page.widths()[0], page.widths()[0], 0, 0,
                                    page.widths()[0]], f"{page.widths()}")
        check(abs(page.rect(INNER)[2] - 1180 * 50 / 80) < 1, "zoom: inner")
        page.button("reset")
        check(page.widths()[LOOP] > 100, "reset: siblings are back")
        check(not page.driver.find_element("id", "reset").is_enabled(),
              "reset: nothing is left to reset")
        if picture:
            page.picture(picture)


def check_search(file, _):
    with Page(file) as page:
        page.press("/")
        page.press("walk")
        # libwalk.so has 80 of 100; matches above each other count once.
        page.await_text("matched", "Matched: 80.00 %")
        check(page.count("#graph rect.match") == 3, "three frames match")
        page.press(Keys.BACKSPACE * 4, "^do_|run$")
        page.await_text("matched", "Matched: 35.00 %")
        page.press(Keys.BACKSPACE * 20, "[libold")
        # No regular expression: the text as it is.
        page.await_text("matched", "Matched: 5.00 %")
        page.press(Keys.BACKSPACE * 20, "WALK")
        page.await_text("matched", "Matched: 0.00 %")
        page.button("clear")
        page.await_text("matched", "")
        check(page.count("#graph rect.match") == 0, "nothing matches any more")
        page.press("step")
        page.point_at(WALK, click=True)
        page.await_text("matched", "Matched: 20.00 % of all, 25.00 % of this")


def check_keys(file, _):
    with Page(file) as page:
        page.press(Keys.ARROW_UP)
        page.await_facts("java", "100 samples")
        page.press(Keys.ARROW_UP)
        page.await_facts("walk", "80 samples")
        page.press(Keys.ARROW_LEFT)
        page.await_facts("[libold.so: stripped]")
        page.press(Keys.ARROW_RIGHT, Keys.ARROW_UP)
        page.await_facts("walk", "50 samples")
        here = page.driver.find_element("id", "here")
        check(here.get_attribute("role") == "treeitem" and
              here.get_attribute("aria-level") == "4" and
              here.get_attribute("aria-label").startswith("walk, user"),
              "the frame says what it is")
        check(page.run("return document.activeElement.id") == "graph", "focus")
        page.press(Keys.ENTER)
        check(page.widths()[INNER] > 1170, "Enter zooms")
        page.press(Keys.BACKSPACE)
        check(page.widths()[WALK] > 1170 and page.widths()[INNER] < 1000,
              "Backspace zooms out")
        page.press(Keys.ESCAPE)
        check(page.widths()[LOOP] > 100, "Esc resets")
        page.press("/", "walk", Keys.ESCAPE)
        page.await_text("matched", "")
        page.press(Keys.ARROW_DOWN)
        page.await_facts("java", "100 samples")


def background(page):
    return page.run("return getComputedStyle(document.documentElement)"
                    ".backgroundColor")


def check_dark(file, picture):
    with Page(file) as page:
        light = background(page)
        fill = page.run("return getComputedStyle(document.querySelector"
                        "('#graph rect')).fill")
    with Page(file, scheme=DARK) as page:
        check(background(page) != light, "the background is dark")
        check(page.run("return getComputedStyle(document.querySelector"
                       "('#graph rect')).fill") != fill, "so are the frames")
        if picture:
            page.picture(picture)


def check_static(file, picture):
    with Page(file, script=False) as page:
        source = page.command("Page.captureScreenshot")["data"]
        check(len(source) > 10_000, "there is a picture")
        if picture:
            page.picture(picture)


def check_hostile(file, _):
    with Page(file) as page:
        title = page.run("return document.title")
        check(title == "<script>document.title='pwned'</script>", title)
        check(page.count("image") == 0 and page.count("script") == 1,
              "names are text")
        for index in range(page.count("#graph rect")):
            page.run("document.querySelectorAll('#graph rect')[arguments[0]]"
                     ".dispatchEvent(new PointerEvent('pointerover',"
                     "{bubbles: true}))", index)
        page.press("/", "[<script>")
        check(page.run("return document.title") == title, "nothing ran")
        check("[no name]" in page.labels(), "no name is a name")


def check_many(file, picture):
    with Page(file, width=2000) as page:
        check(page.count("#graph rect") > 300, "frames")
        page.point_at(1, click=True)
        page.press("/", "long_name<std::vector<[0-9]+>")
        deadline = time.monotonic() + PATIENCE
        while not page.text("matched").startswith("Matched: 100.00 % of all"):
            check(time.monotonic() < deadline, page.text("matched"))
        check("; 100.00 % too narrow to be searched" in page.text("matched"), "what is not drawn")
        if picture:
            page.picture(picture)


def check_full(file, _):
    with Page(file) as page:
        loaded = page.run("const [all] = performance.getEntriesByType"
                          "('navigation'); return all.loadEventEnd")
        print(f"open after {loaded:.0f} ms")
        boxes = page.count("#graph rect")
        check(boxes > 60_000, f"{boxes} frames")
        page.point_at(2, click=True)
        check(page.rect(2)[2] > 1170, "zoom")
        page.press("/", "^start 1$")
        page.await_text("matched", "Matched: 0.33 % of all, 100.00 % of this")
        page.press(Keys.ESCAPE, Keys.ESCAPE)
        check(page.rect(2)[2] < 10, "reset")


def check_deep(file, picture):
    with Page(file, width=800) as page:
        # The root can be seen, at the bottom.
        _, y, _, _ = page.rect(0)
        check(0 < y < 900, f"the root is at {y}")
        page.press(*[Keys.ARROW_UP] * 100)
        page.await_facts("level 99")
        _, y, _, _ = page.rect(100)
        check(0 <= y < 900, f"the frame that the keys lead to is at {y}")
        if picture:
            page.picture(picture)


def check_width(file, picture):
    for width in (800, 2000):
        with Page(file, width=width) as page:
            check(abs(page.rect(0)[2] - (width - 20)) < 2, f"{page.rect(0)}")
            wide = page.run("return document.documentElement.scrollWidth")
            check(wide <= width, f"{wide} pixels in a window of {width}")
            # A longer panel is still seen whole.
            page.point_at(WALK, click=True)
            page.press("/", "walk")
            page.await_text("matched", "Matched: 80.00 % of all, 100.00 % of this")
            deadline = time.monotonic() + PATIENCE
            while page.run("const panel = document.getElementById('panel');"
                           "return panel.parentNode.getAttribute('height') - "
                           "panel.offsetHeight") != 0:
                check(time.monotonic() < deadline, "the panel is cut")
            if picture:
                page.picture(f"{picture}-{width}.png")


def check_difference(file, picture):
    with Page(file) as page:
        page.point_at(3)  # grew
        page.await_facts("grew", "before 20 samples, +40 samples")
        if picture:
            page.picture(picture)


if __name__ == "__main__":
    globals()["check_" + sys.argv[1]](sys.argv[2],
                                      sys.argv[3] if len(sys.argv) > 3 else "")
