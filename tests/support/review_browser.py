"""One person at the review page in a real browser: presses keys, and counts them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

READ_S = 0.4
"""As long as nobody has read an answer, the page takes a key for the second of a pair."""


@contextmanager
def browser_page(address: str, token: str, *, has_script: bool = True) -> Iterator[Page]:
    """Open a browser in which somebody is logged in."""
    path = next((found for n in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(n))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1280, "height": 800}, java_script_enabled=has_script)
        context.add_cookies([{"name": "_token", "value": token, "url": address}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        yield page
        browser.close()


class Reviewer:
    """Labels answers by keys alone."""

    def __init__(self, page: Page, address: str, pipeline: str = "parcels") -> None:
        """Open the page of a pipeline."""
        self.page = page
        self.n_keys = 0
        page.goto(f"{address}/seamwatch/review/{pipeline}")
        self.read()

    @property
    def item(self) -> str | None:
        """Return which answer is shown; None: none."""
        shown = self.page.locator('form#label input[name="item"]')
        return shown.get_attribute("value") if shown.count() else None

    def read(self) -> None:
        """Wait as long as the fastest person reads."""
        time.sleep(READ_S)

    def press(self, key: str) -> None:
        """Press one key, which changes nothing by itself."""
        self.page.keyboard.press(key)
        self.n_keys += 1

    def act(self, key: str) -> None:
        """Press one key that leads to the next page, and read that."""
        with self.page.expect_navigation():
            self.press(key)
        self.read()
