"""A real browser for the tests of the console: Chromium without a window, its screenshots, and axe-core."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from wildsage.local_runner.console import PATH

REPOSITORY = Path(__file__).resolve().parents[3]
AXE = REPOSITORY / ".clients" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = REPOSITORY / "screenshots"
WIDE, NARROW = (1280, 900), (400, 800)
PROBLEMS = """
return axe.run().then(found => found.violations.map(one => [one.id, one.help, one.nodes.map(node => node.html.slice(0, 200))]))
"""
BLOCKED_STYLE = "vendor/plotly.min.js"
"""plotly also tries to add the styles of its maps, which the policy forbids and no page needs."""


class Browser:
    """Chromium at the console of one server."""

    def __init__(self, driver: webdriver.Chrome, server: str) -> None:
        self.driver = driver
        self._root = f"{server}{PATH}"

    @classmethod
    def start(cls, server: str) -> Browser:
        """Start it. Skips the test, saying why, where there is no Chromium."""
        chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
        if not (chromium and chromedriver):
            pytest.skip("no chromium with its chromedriver is installed: `make browser`")
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--lang=en"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(chromedriver))
        return cls(driver, server)

    def visit(self, path: str, size: tuple[int, int] = WIDE, scheme: str = "light") -> None:
        """Load a page in a window of a size, light or dark."""
        self.resize(*size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get(f"{self._root}{path}")

    def resize(self, width: int, height: int) -> None:
        """Change the size of the window."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def element(self, selector: str, timeout_s: float = 240) -> WebElement:
        """The first element of a CSS selector, once it is there."""
        return self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, selector), timeout_s)[0]

    def text(self, selector: str = "main") -> str:
        """The text of the first element of a CSS selector that can be seen; "" without one. Parts are renewed all the time."""
        return self.driver.execute_script(
            "return document.querySelector(arguments[0])?.innerText.trim() ?? ''", selector
        )

    def click(self, selector: str) -> None:
        """Click on an element, once it is there."""
        self.element(selector)
        self.driver.execute_script("document.querySelector(arguments[0]).click()", selector)

    def until(self, look: Callable[[], Any], timeout_s: float = 240) -> Any:
        """What `look` returns once that is true. Fails after `timeout_s` seconds, with what the page shows."""
        deadline = time.monotonic() + timeout_s
        while not (found := look()):
            assert time.monotonic() < deadline, self.driver.find_element(By.TAG_NAME, "body").text
            time.sleep(0.1)
        return found

    def screenshot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        SCREENSHOTS.mkdir(exist_ok=True)
        width, height = (
            self.driver.execute_script(f"return document.documentElement.{side}")
            for side in ("clientWidth", "scrollHeight")
        )
        self.resize(width, min(height, 3000))
        self.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    def width_needed(self) -> int:
        """How wide the page is, in pixels: more than the window means that it has to be scrolled sideways."""
        return self.driver.execute_script("return document.documentElement.scrollWidth")

    def accessibility_problems(self) -> list[Any]:
        """What axe-core finds wrong with the page. Skips the test where axe-core is not installed."""
        if not AXE.exists():
            pytest.skip("axe-core is not installed: `make browser`")
        # The page's own policy forbids scripts from elsewhere; the developer tools may run one.
        self.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": AXE.read_text()})
        return self.driver.execute_script(PROBLEMS)

    def complaints(self) -> list[str]:
        """What the browser's console says since the last call."""
        lines = [entry["message"] for entry in self.driver.get_log("browser")]
        return [line for line in lines if BLOCKED_STYLE not in line]

    def close(self) -> None:
        """End it."""
        self.driver.quit()
