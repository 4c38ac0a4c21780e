"""Listeners and WebGL contexts of a page that is used for long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import Serving, Visit, Visiting
from tests.scale import amount
from tests.small_study import record_small_study

pytestmark = [pytest.mark.browser, pytest.mark.full]

COUNT = Path(__file__).with_name("count_held.js").read_text(encoding="utf-8")
STUDIES = ("one", "two")
# The counts are compared exactly, so that what one change leaves behind shows after a few.
CHANGES = amount(12, 50)
VISITS = amount(8, 20)


@pytest.fixture
def counted(serving: Serving, visiting: Visiting, tmp_path: Path) -> Visit:
    """Return a tab on two small studies that counts what it holds."""
    for name in STUDIES:
        record_small_study(tmp_path / "studies" / name)
    tab = visiting(serving(tmp_path / "studies", tmp_path / "cache").url)
    tab.page.add_init_script(COUNT)
    tab.open(f"?d={STUDIES[0]}").wait_for_scene()
    return tab


def held(tab: Visit) -> dict[str, int]:
    """Return the counts of a tab at rest, after a garbage collection."""
    tab.settle()
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("HeapProfiler.collectGarbage")
    session.detach()
    return tab.page.evaluate("held()")


def change_study(tab: Visit, name: str) -> None:
    tab.page.evaluate("name => dash_clientside.set_props('study-picker', {value: name})", name)
    tab.page.wait_for_function(
        "name => inpca.state.scene?.study === name && !inpca.picture.isMoving()", arg=name, timeout=60_000
    )


def visit_compare(tab: Visit) -> None:
    tab.page.click("#view-compare")
    tab.page.wait_for_function(
        "() => inpca.secondPicture() && !inpca.secondPicture().isMoving()"
        " && document.getElementById('second-picture').data?.length > 3",
        timeout=60_000,
    )
    tab.page.click("#view-3d")


def test_changes_of_study_leave_nothing_behind(counted: Visit) -> None:
    # Shuffled runs come after the picture: at rest both studies' panels have been drawn with them.
    for name in (*reversed(STUDIES), *reversed(STUDIES)):
        change_study(counted, name)
        counted.settle()
    before = held(counted)
    for change in range(CHANGES):
        change_study(counted, STUDIES[(change + 1) % 2])
    assert held(counted) == before
    assert before["contexts"] == 1


def test_visits_to_compare_leave_nothing_behind(counted: Visit) -> None:
    visit_compare(counted)
    for name in reversed(STUDIES):
        change_study(counted, name)
    visit_compare(counted)
    before = held(counted)
    for visit in range(VISITS):
        if visit % 5 == 0:
            change_study(counted, STUDIES[(visit // 5 + 1) % 2])
        visit_compare(counted)
    assert held(counted) == before
    assert before["contexts"] == 2
