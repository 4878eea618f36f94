"""A weekly review in a real browser: two sheets of paper, nothing cut off at any width, and all of it by keyboard."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from seamwatch.core.weekly_review.facts import WeeklyReview
from seamwatch.report.weekly_review.page import weekly_page
from weekly_reviews import CORRECTED, EMPTY, FIFTY, USUAL, WEEKS

pytestmark = [pytest.mark.integration, pytest.mark.browser]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next((found for n in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(n))), None)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


def page_file(review: WeeklyReview, folder: Path) -> str:
    path = folder / "week.html"
    path.write_text(weekly_page(review, base="/seamwatch", weeks=("2026-W46", "2026-W48")), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize(
    ("review", "most"),
    [(USUAL, 2), (CORRECTED, 2), (EMPTY, 1), (FIFTY, 2)],
    ids=["usual", "corrected", "empty", "fifty"],
)
def test_a_week_is_printed_on_two_pages(browser: Browser, tmp_path: Path, review: WeeklyReview, most: int) -> None:
    page = browser.new_page()
    page.goto(page_file(review, tmp_path))
    printed = page.pdf(prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= most


@pytest.mark.parametrize("width", [1280, 1100, 945, 830, 400])
@pytest.mark.parametrize("name", WEEKS)
def test_nothing_is_wider_than_the_window(browser: Browser, tmp_path: Path, name: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(page_file(WEEKS[name], tmp_path))
    assert page.evaluate("document.documentElement.scrollWidth") == width
    cut = page.evaluate(
        "[...document.querySelectorAll('td, th, li, p, h1, h2, h3, summary')]"
        ".filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1).map(e => e.textContent.slice(0, 60))"
    )
    assert cut == []
    standing_out = page.evaluate(
        "[...document.querySelectorAll('table')]"
        ".filter(e => e.getBoundingClientRect().right > e.parentElement.getBoundingClientRect().right + 1)"
        ".map(e => e.textContent.slice(0, 60))"
    )
    assert standing_out == []


def test_folded_pipelines_open_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(page_file(FIFTY, tmp_path))
    assert not page.get_by_text("pipeline_48").first.is_visible()
    summary = page.locator("summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("pipeline_48").first.is_visible()
