"""The choice of a divergence: menu, address, words and comparison."""

from __future__ import annotations

import json

import pytest

from engine import DIVERGENCES
from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.full]

EMBEDDED = "key => inpca.state.scene?.divergence === key && inpca.wantedName() === inpca.state.embeddedName"


def choose(tab: Visit, key: str) -> None:
    tab.page.select_option("#divergence", key)
    tab.page.wait_for_function(EMBEDDED, arg=key, timeout=60_000)


def test_the_menu_embeds_anew_and_names_the_divergence(tab: Visit) -> None:
    tab.open()
    tab.wait_for_scene()
    before = tab.page.evaluate("inpca.state.scene.run_ids")
    assert tab.page.locator("#divergence option").all_inner_texts() == [row.short for row in DIVERGENCES.values()]
    assert "nothing capped" in tab.page.inner_text("#status-line")
    choose(tab, "symmetrised_kl")
    assert tab.page.evaluate("inpca.state.scene.run_ids") == before
    assert tab.page.evaluate("inpca.state.scene.alignment.shared") == tab.page.evaluate("inpca.state.scene.n_models")
    assert "symmetrised KL" in tab.page.inner_text("#status-line")
    assert DIVERGENCES["symmetrised_kl"].title in (tab.page.get_attribute("#picture", "aria-label") or "")
    assert DIVERGENCES["symmetrised_kl"].caps in (tab.page.get_attribute("#divergence", "title") or "")
    tab.page.click('button[aria-label="What is shown: Signed spectrum"]')
    definition = tab.page.inner_text(".spectrum-panel .definition")
    assert DIVERGENCES["symmetrised_kl"].formula in definition
    choose(tab, "hellinger")
    assert "no imaginary axis" in tab.page.inner_text(".spectrum-panel .definition")
    assert tab.page.evaluate("Math.min(...inpca.state.scene.diagnostics.signature)") == 1


def test_the_divergence_travels_in_the_address_both_ways(tab: Visit) -> None:
    tab.open("?v=1&div=euclidean&tab=distances")
    tab.wait_for_scene()
    assert tab.page.evaluate("[inpca.state.scene.divergence, document.getElementById('divergence').value]") == [
        "euclidean",
        "euclidean",
    ]
    title = "document.getElementById('shepard').layout?.xaxis.title.text"
    tab.page.wait_for_function(f"() => {title} === 'distance D (dimensionless, at most 2)'")
    choose(tab, "fisher_rao")
    tab.page.wait_for_function("() => location.search.includes('div=fisher_rao')")
    tab.page.wait_for_function(f"() => {title} === 'distance D (rad² per sample)'")
    choose(tab, "bhattacharyya")
    tab.page.wait_for_function("() => !location.search.includes('div=')")


def test_two_divergences_side_by_side_have_own_scales(tab: Visit) -> None:
    tab.open("?v=1&div=jensen_shannon&m=compare")
    tab.wait_for_scene()
    second = "document.getElementById('second-head').textContent"
    tab.page.wait_for_function(f"() => {second}.startsWith('test')", timeout=60_000)
    tab.page.select_option("#second-divergence", "symmetrised_kl")
    tab.page.wait_for_function(f"() => {second}.startsWith('symmetrised KL')", timeout=60_000)
    assert tab.page.inner_text("#first-head").startswith("Jensen–Shannon")
    assert tab.page.inner_text("#one-frame") == "one camera, a scale each"
    assert tab.page.evaluate("inpca.state.alongside") is None
    tab.page.wait_for_function("() => location.search.includes('cmp=div%3Asymmetrised_kl')")
    # With the right picture's divergence on the left, the right one changes to another.
    choose(tab, "symmetrised_kl")
    tab.page.wait_for_function(f"() => {second}.startsWith('Bhattacharyya')", timeout=60_000)
    tab.page.click("#second-split")
    tab.page.wait_for_function(f"() => {second}.startsWith('test · symmetrised KL')", timeout=60_000)
    assert tab.page.evaluate("inpca.state.alongside.split") == "test"


def test_a_recipe_opens_its_divergence(tab: Visit) -> None:
    tab.open("?v=1&div=jensen_shannon")
    tab.wait_for_scene()
    recipe = tab.page.evaluate("inpca.recipe()")
    assert recipe["divergence"] == "jensen_shannon"
    choose(tab, "bhattacharyya")
    tab.page.evaluate("text => inpca.followRecipe(inpca.readRecipe(text))", json.dumps(recipe))
    tab.page.wait_for_function("() => document.getElementById('notice').textContent.includes('The same numbers')")
    assert tab.page.evaluate("inpca.state.scene.divergence") == "jensen_shannon"
    unknown = json.dumps({**recipe, "divergence": "manhattan"})
    message = tab.page.evaluate(
        "text => { try { inpca.readRecipe(text); } catch (error) { return error.message; } }", unknown
    )
    assert message == "The recipe's divergence must be one that this program knows."


def test_the_menu_shows_whole_words_without_overflow(tab: Visit) -> None:
    tab.open().wait_for_scene()
    # The widest neighbours: the badge of a stale picture and the predicted seconds of a new one.
    tab.page.evaluate("document.getElementById('stale-badge').hidden = false")
    tab.page.evaluate("document.getElementById('embed-button').textContent = 'Re-embed, about 120 s'")
    widths = tab.page.evaluate(
        """() => {
            const menu = document.getElementById('divergence');
            const free = menu.cloneNode(true);
            free.removeAttribute('id');
            Object.assign(free.style, {position: 'absolute', minWidth: '0', width: 'auto'});
            menu.parentElement.append(free);
            const wanted = free.offsetWidth;
            free.remove();
            return [menu.offsetWidth, wanted, document.getElementById('theme-toggle').getBoundingClientRect().right];
        }"""
    )
    assert widths[0] >= widths[1]
    assert widths[2] <= 1280
