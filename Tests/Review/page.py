#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Tests/Review/page.sh needs: sockets of processes with given names, and a browser that loads the pages.

    test-page.py listen READY [ADDRESS:]PORT=NAME…   a process a socket; writes a line to READY, and waits
    test-page.py look FOLDER                         tests the pages of FOLDER
    test-page.py shoot PAGE FILE WIDTH SCHEME [HEIGHT]   a picture of a page: light, dark, or as it comes on
                                                        paper; print makes a PDF

The browser is chromium, driven by the DevTools protocol over a pair of pipes (--remote-debugging-pipe).
"""

import base64
import collections
import ctypes
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time


# --- sockets


def listen(ready, words):
    for word in words:
        place, name = word.split("=", 1)
        address, _, port = place.rpartition(":")
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)  # PR_SET_NAME
            server = socket.create_server((address or "0.0.0.0", int(port)))
            signal.pause()
            server.close()
    time.sleep(0.3)
    with open(ready, "a") as file:
        file.write("ready\n")
    signal.pause()


# --- the browser


class Browser:
    """A chromium, and one page of it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.events = collections.deque()
        self.number = 0
        self.session = None
        self.buffer = b""
        their_in, self.write = os.pipe()
        self.read, their_out = os.pipe()
        # The protocol uses descriptors 3 and 4.
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec 3<&{their_in} 4>&{their_out}; exec "$@"', "_", "chromium", "--headless=new", "--no-sandbox",
             "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--no-first-run", "--hide-scrollbars",
             "--force-color-profile=srgb", f"--user-data-dir={self.folder.name}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(their_in, their_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(their_in)
        os.close(their_out)

    def close(self):
        os.close(self.write)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.folder.cleanup()

    def message(self, seconds):
        """The next message; None if none comes in time."""
        end = time.monotonic() + seconds
        while b"\0" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.read], [], [], left)[0]:
                return None
            data = os.read(self.read, 1 << 20)
            if not data:
                raise RuntimeError("the browser has gone")
            self.buffer += data
        one, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(one)

    def ask(self, method, **parameters):
        self.number += 1
        number = self.number
        call = {"id": number, "method": method, "params": parameters}
        if self.session:
            call["sessionId"] = self.session
        os.write(self.write, json.dumps(call).encode() + b"\0")
        while True:
            message = self.message(20)
            if message is None:
                raise RuntimeError(f"{method}: no answer")
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def new_page(self):
        self.session = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility"):
            self.ask(f"{domain}.enable")
        self.events.clear()

    def size(self, width, height=900):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def media(self, media="", scheme="light"):
        self.ask("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path):
        self.ask("Page.navigate", url=f"file://{path}")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if any(e.get("method") == "Page.loadEventFired" for e in self.events):
                return
            message = self.message(1)
            if message:
                self.events.append(message)
        raise RuntimeError(f"{path} does not load")

    def value(self, script):
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def key(self, key, code=0, shift=0):
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, modifiers=shift)

    def complaints(self):
        """All messages of the browser about the page: errors, violations of its policy, dialogs."""
        found = []
        for event in self.events:
            method, parameters = event.get("method"), event.get("params", {})
            if method == "Log.entryAdded":
                found.append(parameters["entry"]["text"])
            elif method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Page.javascriptDialogOpening"):
                found.append(f"{method} {json.dumps(parameters)[:200]}")
        return found

    def requests(self):
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]


# --- tests

passed = failed = 0


def verdict(name, expected, seen):
    global passed, failed
    if expected == seen:
        passed += 1
        print(f"ok page: {name}")
    else:
        failed += 1
        print(f"not ok page: {name}: expected {expected}, saw {seen}")


# Elements that extend beyond the window, except in the scrolling regions.
STICKING_OUT = """[...document.querySelectorAll("body *")].filter((element) => {
  const box = element.getBoundingClientRect();
  return !element.closest(".region, svg *") && box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5)
    && !element.matches(".skip");
}).map((element) => element.tagName + "." + element.className)"""

# Texts of the map that leave their box, or the drawing.
OUT_OF_BOX = """[...document.querySelectorAll("svg.map")].filter((map) => map.getBoundingClientRect().width > 0)
  .flatMap((map) => [...map.querySelectorAll("text")].filter((text) => {
    const own = text.getBBox(), box = text.closest(".box")?.querySelector("rect").getBBox() ?? map.viewBox.baseVal;
    return own.x < box.x || own.y < box.y || own.x + own.width > box.x + box.width || own.y + own.height > box.y + box.height;
  }).map((text) => text.textContent))"""

VISIBLE_MAP = """[...document.querySelectorAll("svg.map")].filter((map) => map.getBoundingClientRect().width > 0)
  .map((map) => map.id).join(" ")"""

ROWS_SEEN = """[...document.querySelectorAll("#everything tbody")].filter((row) => row.offsetHeight > 0)
  .map((row) => row.querySelector("td").textContent).join(" ")"""


def expected_lines(report):
    """How many lines the map must have: one for each reach that is let in or unknown. Of sockets that differ in their
    addresses alone, one does for all."""
    services = set()
    for listener in report["listeners"]:
        flows = tuple((r["zone"], *r["from"]) for r in listener["reachable"] if r["verdict"] in ("accept", "undetermined"))
        services.add((listener["protocol"], listener["port"], listener["pid"], listener["namespace"], flows))
    return sum(len(service[-1]) for service in services)


def outbound_rows(sender):
    """How many rows a sender has below the one that says how much it may send."""
    if sender["scope"] == "listed":
        return len(sender["allowed"])
    return len(sender["refused"]) + sum(reach["verdict"] == "undetermined" for reach in sender["allowed"])


def page_tests(browser, name, path, report):
    browser.new_page()
    browser.media()
    browser.size(1280)
    browser.open(path)
    verdict(f"{name}: the title is its heading", True, browser.value("document.querySelector('h1').textContent === document.title"))
    verdict(f"{name}: a line for each reach", expected_lines(report), browser.value("document.querySelectorAll('#map .line').length"))
    verdict(f"{name}: as many on the small map", expected_lines(report),
            browser.value("document.querySelectorAll('#map-narrow .line').length"))
    verdict(f"{name}: each line has a title", 0, browser.value("[...document.querySelectorAll('.line')].filter((l) => !l.querySelector('title')).length"))
    verdict(f"{name}: a group of rows for each socket", len(report["listeners"]), browser.value("document.querySelectorAll('#everything tbody').length"))
    outbound = report["outbound"]
    for label, parts in (("outbound", outbound["senders"]), ("connections", outbound["connections"])):
        verdict(f"{name}: a group of rows for each of the {label}", len(parts), browser.value(
            f"document.querySelectorAll('.region[aria-labelledby=\"{label}-heading\"] tbody').length"))
    verdict(f"{name}: every finding", len(report["findings"]), browser.value("document.querySelectorAll('.findings li').length"))
    verdict(f"{name}: nothing became an element", 0,
            browser.value("document.querySelectorAll('img, b:not(.fix b), script:not(body > script), iframe, link').length"))
    for width in (360, 1280):
        browser.size(width)
        verdict(f"{name}: at {width} pixels the page does not scroll sideways", True,
                browser.value("document.documentElement.scrollWidth <= innerWidth"))
        verdict(f"{name}: at {width} pixels nothing sticks out", [], browser.value(STICKING_OUT))
        verdict(f"{name}: at {width} pixels one map is there", "map-narrow" if width == 360 else "map", browser.value(VISIBLE_MAP))
        verdict(f"{name}: at {width} pixels its texts stay in their boxes", [], browser.value(OUT_OF_BOX))
    grounds = []
    for scheme in ("light", "dark"):
        browser.media(scheme=scheme)
        grounds.append(browser.value("getComputedStyle(document.documentElement).backgroundColor"))
    verdict(f"{name}: dark is not light", True, grounds[0] != grounds[1])
    browser.media(media="print", scheme="dark")
    verdict(f"{name}: paper is light", grounds[0], browser.value("getComputedStyle(document.documentElement).backgroundColor"))
    verdict(f"{name}: paper has no search field", "none", browser.value("getComputedStyle(document.getElementById('search')).display"))
    browser.media()
    printed = base64.b64decode(browser.ask("Page.printToPDF", generateTaggedPDF=True, preferCSSPageSize=True)["data"])
    verdict(f"{name}: it prints", True, printed.startswith(b"%PDF"))
    rows = 1 + sum(max(1, len(listener["reachable"])) for listener in report["listeners"])
    rows += sum(1 + outbound_rows(sender) for sender in outbound["senders"]) + 1
    rows += len(outbound["connections"]) + (1 if outbound["connections"] else 0)
    verdict(f"{name}: with every row of the table", rows, len(re.findall(rb"/S /TR\b", printed)))
    verdict(f"{name}: the browser has no complaint", [], browser.complaints())
    verdict(f"{name}: it asks for nothing but itself", [f"file://{path}"], browser.requests())


def keyboard_tests(browser, path):
    browser.new_page()
    browser.media()
    browser.size(360)
    browser.open(path)
    seen = []
    for _ in range(12):
        browser.key("Tab", 9)
        seen.append(browser.value("(document.activeElement.id || document.activeElement.className || document.activeElement.tagName)"))
        if seen[-1] == "filter":
            break
    verdict("the first Tab reaches the link that skips the header", "skip", seen[0])
    verdict("Tab reaches the search field", "filter", seen[-1])
    verdict("the focus is visible", "solid", browser.value("getComputedStyle(document.activeElement).outlineStyle"))
    browser.ask("Input.insertText", text="5432/TCP laptop")
    verdict("search leaves the rows that hold every word", "postgres", browser.value(ROWS_SEEN))
    verdict("and shows how many", True, browser.value("/^1 of \\d+ sockets$/.test(document.getElementById('told').textContent)"))
    browser.key("Tab", 9)
    verdict("Tab reaches the table", "everything", browser.value("document.activeElement.id"))
    browser.value("document.activeElement.scrollIntoView({block: 'center', behavior: 'instant'})")
    browser.key("ArrowRight", 39)
    end = time.monotonic() + 3
    while browser.value("document.getElementById('everything').scrollLeft") == 0 and time.monotonic() < end:
        time.sleep(0.05)
    verdict("where arrows scroll it", True, browser.value("document.getElementById('everything').scrollLeft > 0"))
    browser.value("document.getElementById('filter').focus(); document.getElementById('filter').select()")
    browser.key("Backspace", 8)
    verdict("an empty field shows everything", True, browser.value(
        "[...document.querySelectorAll('#everything tbody')].every((row) => row.offsetHeight > 0)"))
    verdict("the heads of the columns stay", True, browser.value(
        "{ const region = document.getElementById('everything'); region.scrollTop = 200;"
        " Math.abs(region.querySelector('th').getBoundingClientRect().top - region.getBoundingClientRect().top) <= 2 }"))


def reader_tests(browser, path):
    browser.new_page()
    browser.media()
    browser.size(1280)
    browser.open(path)
    nodes = [n for n in browser.ask("Accessibility.getFullAXTree")["nodes"] if not n["ignored"]]
    by_role = collections.defaultdict(list)
    for node in nodes:
        by_role[node["role"]["value"]].append(node.get("name", {}).get("value", ""))
    verdict("landmarks: one each of banner, main, contentinfo, search", [1, 1, 1, 1],
            [len(by_role[role]) for role in ("banner", "main", "contentinfo", "search")])
    levels = [int(level) for level in browser.value("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => h.tagName[1])")]
    verdict("one first heading, and none skips a level", [1, 2, 2, 2, 2, 2, 2], levels)
    verdict("the map has a name", ["Map of who reaches what"], [name for name in by_role["image"] + by_role["img"] if name])
    verdict("the table has a name", True, any(name.startswith("Every socket") for name in by_role["table"]))
    verdict("seven heads of columns, and six of the senders'", 13, len(by_role["columnheader"]))
    verdict("the field has a label", ["Show only sockets that contain"], by_role["searchbox"])
    verdict("regions are named", True, all(by_role["region"]))


def scriptless_tests(browser, path, report):
    browser.new_page()
    browser.media()
    browser.size(1280)
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(path)
    verdict("without a script the field is hidden", "none", browser.value("getComputedStyle(document.getElementById('search')).display"))
    verdict("without a script every row is shown", len(report["listeners"]), browser.value(
        "[...document.querySelectorAll('#everything tbody')].filter((row) => row.offsetHeight > 0).length"))
    verdict("without a script the browser reports no error", [], browser.complaints())


def look(folder):
    browser = Browser()
    try:
        for name, status, enforced in (("bare", 2, False), ("open", 2, False), ("enforced", None, True)):
            path = os.path.join(folder, f"{name}.html")
            with open(os.path.join(folder, f"{name}.json")) as file:
                report = json.load(file)
            verdict(f"{name}: enforced", enforced, report["enforced"])
            if status is not None:
                with open(os.path.join(folder, f"{name}.status")) as file:
                    verdict(f"{name}: the exit status is that of a finding", status, int(file.read()))
            page_tests(browser, name, path, report)
        keyboard_tests(browser, path)
        reader_tests(browser, path)
        scriptless_tests(browser, path, report)
    finally:
        browser.close()
    print(f"page: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def shoot(page, file, width, scheme, height="0"):
    browser = Browser()
    try:
        browser.new_page()
        browser.size(int(width))
        browser.media(media="print" if scheme == "paper" else "", scheme="dark" if scheme == "dark" else "light")
        browser.open(os.path.abspath(page))
        if scheme == "print":
            data = browser.ask("Page.printToPDF", preferCSSPageSize=True)["data"]
        else:
            whole = int(height) or browser.value("document.documentElement.scrollHeight")
            browser.size(int(width), whole)
            data = browser.ask("Page.captureScreenshot", format="png")["data"]
    finally:
        browser.close()
    with open(file, "wb") as out:
        out.write(base64.b64decode(data))
    return 0


if __name__ == "__main__":
    verb, arguments = sys.argv[1], sys.argv[2:]
    if verb == "listen":
        listen(arguments[0], arguments[1:])
    sys.exit({"look": look, "shoot": shoot}[verb](*arguments))
