"""The example incidents of the golden files, and how those files are compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from example_causes import acknowledged, hostile, integration, model, provider, reopened, resolved, silent, undetermined
from example_parts import Example
from example_runbooks import approval, proved
from example_watches import alerted, watched

EXAMPLES: dict[str, Callable[[], Example]] = {
    "integration": integration,
    "model": model,
    "provider": provider,
    "undetermined": undetermined,
    "hostile": hostile,
    "resolved": resolved,
    "watched": watched,
    "alerted": alerted,
    "acknowledged": acknowledged,
    "reopened": reopened,
    "silent": silent,
    "approval": approval,
    "proved": proved,
}


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> tuple[str, Example]:
    """Each example with its name."""
    return request.param, EXAMPLES[request.param]()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with its golden file; `--update-golden` rewrites it, a missing file fails."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing; run pytest --update-golden and look at what it writes"
        assert text == path.read_text(encoding="utf-8"), f"{name} changed; if that is right: pytest --update-golden"

    return compare
