"""A real browser on the running app: one server and one headless Chromium for all tests of a module."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

ROOT = Path(__file__).resolve().parents[1]
AXE = Path(sys.prefix) / "node" / "node_modules" / "axe-core" / "axe.min.js"
MISSING = (
    "the browser tests need Chromium and its driver: run tests/install_chromium.sh "
    "(Debian: apt-get install chromium chromium-driver)"
)
STATE = """
const app = document.querySelector('[data-testid=stApp]');
if (!app || app.getAttribute('data-test-script-state') !== 'notRunning') return false;
if (document.querySelector('[data-testid=stSkeleton], [data-stale=true]')) return false;
return !!document.querySelector('[data-testid=stMain] h1') && !!document.querySelector('hr');
"""


def found(*names: str) -> str:
    """The path of the first of these programs that is there.

    Raises:
        RuntimeError: none is; says what to install.
    """
    for name in names:
        if path := shutil.which(name):
            return path
    raise RuntimeError(MISSING)


@contextmanager
def server(board: Path, streamlit: tuple[str, ...] = ("-m", "streamlit")) -> Iterator[str]:
    """The app on a free port; yields its address. streamlit: what Python runs as the command `streamlit`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    running = subprocess.Popen(
        [sys.executable, *streamlit, "run", str(ROOT / "leaderboard" / "app.py"), *options],
        env={**os.environ, "PERSLLM_BOARD": str(board)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                    break
            except OSError:
                assert running.poll() is None, "the app ended at once"
                time.sleep(0.1)
        yield address
    finally:
        running.terminate()
        running.wait(10)


class Browser:
    """Chromium at an app's address. `opened` and `settled` wait until the page stands still."""

    def __init__(self, address: str, downloads: Path):
        options = webdriver.ChromeOptions()
        options.binary_location = found("chromium", "chromium-browser", "google-chrome")
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
            options.add_argument(argument)
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "SEVERE"})
        self.address, self.downloads = address, downloads
        self.driver = webdriver.Chrome(options=options, service=Service(found("chromedriver")))
        self.driver.set_script_timeout(60)

    def close(self) -> None:
        self.driver.quit()

    def look(self, *, theme: str = "light", width: int = 1280, height: int = 900) -> None:
        """Light or dark, and a window of so many pixels."""
        features = [
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def open(self, page: str = "", **query: Any) -> float:
        """Load a page; seconds until it stood still."""
        began = time.monotonic()
        self.driver.get(f"{self.address}/{page}" + (f"?{urlencode(query, doseq=True)}" if query else ""))
        self.settled()
        return time.monotonic() - began

    def settled(self, limit: float = 30) -> None:
        """Wait until the app has run and nothing is stale, twice in a row."""
        end, calm = time.monotonic() + limit, 0
        while calm < 2:
            calm = calm + 1 if self.driver.execute_script(STATE) else 0
            assert time.monotonic() < end, f"the page does not settle: {self.text()[-500:]}"
            time.sleep(0.05)

    def until(self, holds: Any, what: str, limit: float = 15) -> None:
        """Wait until `holds()` is true."""
        end = time.monotonic() + limit
        while True:
            try:
                if holds():
                    return
            except StaleElementReferenceException:
                pass
            assert time.monotonic() < end, f"{what}; the page says: {self.text()[:800]}"
            time.sleep(0.05)

    def text(self) -> str:
        return self.driver.execute_script("return document.querySelector('[data-testid=stMain]')?.innerText || ''")

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def texts(self, css: str) -> list[str]:
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())", css
        )

    def background(self) -> str:
        return self.driver.execute_script(
            "return getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
        )

    def click(self, element: WebElement) -> None:
        """Click what may lie outside the window."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def faults(self, excluded: list[str]) -> list[str]:
        """Serious and critical findings of axe-core, one line each."""
        assert AXE.is_file(), f"axe-core is not installed at {AXE}: run `make lint-tools` (needs npm)"
        if not self.driver.execute_script("return !!window.axe"):
            self.driver.execute_script(AXE.read_text())
        result = self.driver.execute_async_script(
            """const done = arguments[1];
            axe.run({exclude: arguments[0].map(s => [s])}, {resultTypes: ['violations']})
               .then(r => done(r.violations), e => done([{id: String(e), impact: 'critical', nodes: []}]));""",
            excluded,
        )
        return [
            f"{v['id']}: {' '.join(map(str, n['target']))} {n['html'][:160]} {n.get('failureSummary', '')[:200]}"
            for v in result
            if v["impact"] in ("serious", "critical")
            for n in (v["nodes"] or [{"target": [], "html": ""}])
        ]
