"""A Chromium without a screen, driven from tests: what a reader of a page sees and does.

Debian's chromium and chromium-driver are used as they are; Selenium's own manager, which downloads browsers, is not.
"""

from __future__ import annotations

import json
import shutil
import time
from contextlib import contextmanager

import pytest

BROWSERS, DRIVERS = ("chromium", "chromium-browser", "google-chrome"), ("chromedriver",)

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--disable-default-apps", "--force-color-profile=srgb", "--lang=en",
)

DESKTOP, PHONE = (1280, 900), (390, 844)

PATIENCE = 10
"""Seconds after which something that a page should have done has not been done."""


def programs():
    """Paths of the browser and its driver.

    Raises
    ------
    pytest.skip.Exception
        One of them, or Selenium, is not installed; the reason says what to install.
    """
    try:
        import selenium  # noqa: F401
    except ImportError:
        pytest.skip("NOT TESTED in a browser: the Python package selenium is missing (pip install selenium)")
    found = []
    for names, package in ((BROWSERS, "chromium"), (DRIVERS, "chromium-driver")):
        path = next(filter(None, map(shutil.which, names)), None)
        if path is None:
            pytest.skip(f"NOT TESTED in a browser: {names[0]} is missing (apt install {package})")
        found.append(path)
    return found


@contextmanager
def browser(profile):
    """A Browser with a profile of its own in the folder `profile`; skips as `programs` does."""
    chromium, driver = programs()
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = chromium
    for option in (*OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=Service(executable_path=driver))
    try:
        chrome.set_script_timeout(PATIENCE)
        chrome.set_page_load_timeout(3 * PATIENCE)
        yield Browser(chrome)
    finally:
        chrome.quit()
        chrome.command_executor.close()


class Browser:
    """One tab.

    Attributes
    ----------
    chrome : selenium.webdriver.Chrome
    """

    def __init__(self, chrome):
        self.chrome = chrome

    def open(self, path, fragment="", size=DESKTOP, javascript=True):
        """Load a file anew, and wait until its scripts have run."""
        self.command("Emulation.setScriptExecutionDisabled", value=not javascript)
        self.command("Emulation.setEmulatedMedia", media="")
        self.size(*size)
        self.chrome.get("about:blank")
        self.drain()
        self.chrome.get(path.as_uri() + fragment)
        if javascript:
            self.wait("return document.documentElement.dataset.ready")

    def size(self, width, height):
        """What the page sees as the screen, in CSS pixels."""
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                     mobile=width < 600)

    def command(self, name, **arguments):
        """A command of the DevTools protocol."""
        return self.chrome.execute_cdp_cmd(name, arguments)

    def run(self, script, *arguments):
        """What a script in the page returns."""
        return self.chrome.execute_script(script, *arguments)

    def wait(self, script, *arguments):
        """What a script in the page returns, as soon as that is true."""
        stop = time.monotonic() + PATIENCE
        while not (found := self.run(script, *arguments)):
            assert time.monotonic() < stop, f"still not so after {PATIENCE} s: {script}"
            time.sleep(0.02)
        return found

    def find(self, css):
        """The first element of a selector."""
        return self.chrome.find_element("css selector", css)

    def texts(self, css):
        """Texts of all elements of a selector, list of str."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent.trim())", css)

    def keys(self, *keys):
        """Type what the element in focus gets."""
        from selenium.webdriver import ActionChains

        ActionChains(self.chrome).send_keys(*keys).perform()

    def drain(self):
        """What the browser logged since the last time: (messages of the console, addresses that were requested).

        Requests that the page's own policy stopped are not among them.
        """
        console = [entry["message"] for entry in self.chrome.get_log("browser")]
        events = [json.loads(entry["message"])["message"] for entry in self.chrome.get_log("performance")]
        stopped = {e["params"]["requestId"] for e in events if e["method"] == "Network.loadingFailed"
                   and e["params"].get("blockedReason") == "csp"}
        asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
                 and e["params"]["requestId"] not in stopped]
        return console, asked

    def print(self):
        """The page as the bytes of a PDF, on A4 as its style says."""
        import base64

        made = self.command("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(made["data"])
