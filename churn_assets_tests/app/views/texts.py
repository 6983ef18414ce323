"""What a page says, for tests."""

from streamlit.testing.v1 import AppTest

BOXES = ("success", "info", "warning", "error")


def no_errors(page: AppTest) -> None:
    """The page has neither an exception nor a sentence about one."""
    assert [error.message for error in page.exception] == []
    assert [box.value for box in page.error] == []


def boxes(page: AppTest) -> list[str]:
    """The texts of all coloured boxes."""
    return [box.value for kind in BOXES for box in getattr(page, kind)]


def figures(page: AppTest) -> dict[str, tuple[str, str]]:
    """Label -> value and change of each figure; each says what it is."""
    assert all(metric.help for metric in page.metric)
    return {metric.label: (metric.value, metric.delta) for metric in page.metric}


def text(page: AppTest) -> str:
    """All sentences of the page."""
    return "\n".join(
        [*(part.value for kind in ("markdown", "caption") for part in getattr(page, kind)), *boxes(page)]
    )
