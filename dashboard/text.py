"""User-visible texts of the page, other than names."""

from __future__ import annotations

import engine
from engine.distances.table import DIVERGENCES, Divergence

TITLE = "InPCA Explorer"
DESCRIPTION = "Training trajectories of many networks in one live InPCA embedding."

NO_STUDIES = (
    "No studies here yet",
    f"A study is a folder of recorded runs. Record one with {engine.__name__}.Recorder while a network trains "
    "(ten lines, see the README), or start the app on the two studies that the source repository holds: data/studies",
)

NO_RUNS = ("No runs here yet", "This study was begun, and no run is kept in it. Runs appear here as they are recorded.")
NO_USABLE_RUN = ("No run of this study can be used", "The reasons are listed under Filters.")
ONE_RUN = "This study has one run: there is nothing to filter by."
NO_HYPERPARAMETERS = "These runs were recorded without hyperparameters: there is nothing to filter by."
ALL_ALIKE = "All runs have the same hyperparameters: there is nothing to filter by."

SELECTION_NOT_KEPT = "its choice of runs, which this server does not keep"
NO_EXTENSIONS = "its tab of extensions, of which this server has none"

STEP_LEFT = "The picture shows something else by now. "
TOUR_OFFER = "A tour of this study"

STAGES = {
    "queued": "Waiting for the engine",
    "load": "Reading predictions",
    "distances": "Computing distances",
    "eigenpairs": "Finding eigenpairs",
    "references": "Placing P0, P* and the geodesic",
}

PANELS = {
    "spectrum": (
        "Signed spectrum",
        (
            "W = −½ L D L holds the inner products that the distances D imply between centred models (L takes the "
            "means out). A bar is |λ| of one eigenvalue of W, largest first, on a logarithmic scale. Blue: λ > 0, a "
            "real axis. Red and hatched: λ < 0, an imaginary axis, along which being apart makes two models closer. "
            "None is dropped.",
            "x, y, z mark the components that are drawn. Strong bars came with coordinates and can be put on an axis: "
            "click one, or use the menus over the picture. Pale bars were solved for this spectrum only.",
            "Orange: five times, each run's predictions dealt out anew among the samples of a class. Losses stay; what "
            "runs share beyond them is lost. A component is above if it exceeds theirs of its sign and place, those "
            "found before taken out, by a tenth and by more than chance (1 % over ten). The others are not shown to "
            "be chance. The band spans the five and is no interval.",
        ),
    ),
    "explained-stress": (
        "Explained stress",
        (
            "χₖ = 1 − ‖W − Wₖ‖ / ‖W‖ = 1 − √(1 − Σᵢ≤ₖ λᵢ² / ‖W‖²), where Wₖ is W rebuilt from its first k components "
            "and ‖·‖ the root of the sum of squares.",
            "The denominator is the whole ‖W‖, from row sums of D and the sum of its squares, not from the components "
            "that were solved for. It never falls with k and does not see the sign of λ.",
            "Orange: shuffled runs, which keep their losses and lose what they share beyond them (as in the spectrum); "
            "the title has both numbers. Where both are as high, losses alone explain the height.",
        ),
    ),
    "explained-variance": (
        "Explained variance",
        (
            "Signed (solid): Σᵢ≤ₖ λᵢ / tr W, which is also 1 − Σ(D − Dₖ) / ΣD. tr W is the sum of all eigenvalues, "
            "half the number of checkpoints times the mean of D. Where components are imaginary it may pass 1 and "
            "fall again.",
            "Absolute (dashed): Σᵢ≤ₖ |λᵢ| / Σᵢ |λᵢ|. Its denominator takes the whole spectrum, so it is drawn only "
            "where that was solved for: up to some 400 checkpoints.",
        ),
    ),
    "explained-distance": (
        "Explained distance",
        (
            "1 − ‖D − Dₖ‖ / ‖D‖ over all pairs of checkpoints. Dₖ is what the first k components make of a distance: "
            "Σᵢ≤ₖ sᵢ (xᵢ − yᵢ)², with s = −1 on imaginary axes.",
            "The denominator is the whole ‖D‖. It may fall with k where a component is imaginary.",
        ),
    ),
    "shepard": (
        "Shepard diagram",
        (
            "A point is a pair of checkpoints: across, their distance D; up, what the chosen components make of it, "
            "D̂ = Σᵢ sᵢ (xᵢ − yᵢ)² with s = −1 on imaginary axes. On the line the picture is right; below it draws "
            "them too close. With all components there are, every pair lies on the line.",
            "The points are drawn evenly over the range of D, always the same ones. Everything in words is of all "
            "pairs compared: the number in the title, 1 − ‖D − D̂‖ / ‖D‖, and the worst pairs, those with the largest "
            "|D̂ − D| that two runs have, one pair of checkpoints for each pair of runs.",
        ),
    ),
    "run-distances": (
        "Distances between runs",
        (
            "A cell is the mean of D over all pairs of a checkpoint of one run and a checkpoint of another, at "
            "whatever steps these are. On the diagonal it is the mean over pairs of different checkpoints of one run.",
            "The strips show the colour of the runs; a run coloured along its training has the colour of its end.",
        ),
    ),
}

SEARCH_LABEL = "Search runs: words that must all occur in a run's name or hyperparameters, or name:value"
SEARCH_EXAMPLE = "Search runs, e.g. cnn seed:1"

SINGLE_KEYS = "Single keys act on the page (arrows and Esc always do)"
GESTURES = (
    ("Drag", "turn the picture; with the right button, move it; with the wheel, zoom."),
    ("Click", "pins a run, up to twelve; Esc lets go of all."),
    ("Legend", "a click shows or hides, a double click or Shift and click shows only this."),
    (
        "Search",
        "all words must occur in a run's name or hyperparameters; seed:1 asks one of them; quotes hold words together.",
    ),
    ("Histograms", "solid bars are the runs that pass all other filters, faint ones the whole study."),
)

REFERENCES_LABEL = "Reference points P₀ and P*, and the geodesic between them"
EQUAL_SCALE = "Equal scale on all axes: lengths can be compared. Click to stretch each axis, or back."

FOLLOW = (
    "Follow: new runs and checkpoints come into the picture by themselves, at most once a second. "
    "Otherwise it stays as it is until you ask for something."
)
SHOW_NEWS = "Take up what is new, once"

STRETCHED = "axes stretched: lengths in different directions cannot be compared"
CLOCKS = {
    "progress": "How far along the geodesic to P*. A run is cut where it first gets there; it may fall back later.",
    "epoch": "Passes over the training data.",
    "step": "Updates of the weights.",
}
SPEEDS = (0.5, 1, 2, 4)

EXPORTS = {
    "Picture": "What is on the stage (3D, pairs, both of a comparison), with title and legend. SVG and PDF are "
    "vectors throughout; text can be selected and searched, except for scripts that the PDF's font lacks.",
    "Live view": "One file that rotates offline, with the runs' names and the recipe in it; or this page's address.",
    "Numbers": "One row per checkpoint: step, metrics, all components in full precision and the engine's signs, "
    "hyperparameters.",
    "Recipe": "Selection, question, digests, versions and eigenvalues. Opening one embeds the same runs and compares.",
}

PICTURE_SIZES = {"1600x1200": "1600 × 1200", "1920x1080": "1920 × 1080", "3840x2160": "3840 × 2160", "custom": "other"}
LETTERING = {"1": "small", "1.5": "medium", "2": "large", "3": "very large"}
"""Pixels of the exported file per CSS pixel -> label; sets the relative size of text and lines."""
PICTURE_THEMES = {"screen": "as on screen", "light": "light", "dark": "dark"}
PICTURE_BACKGROUNDS = {"filled": "filled", "transparent": "transparent"}
COORDINATE_ROWS = {"shown": "shown runs", "all": "all embedded runs"}

FIRST_PANE = "present selection"
ONE_FRAME = "one camera, one frame"
ONE_FRAME_EXPLAINED = "Both pictures turn together, in the same frame: equal lengths on screen are equal distances"
OWN_FRAMES = "one camera, a scale each"
OWN_FRAMES_EXPLAINED = "Both pictures turn together; divergences have units of their own, so lengths cannot be compared"
KEEP_SELECTION = "Keep the runs of the left picture on the right; then filter to compare with them"

COLUMN_LABELS = {
    "run_id": "run",
    "n_checkpoints": "checkpoints",
    "n_parameters": "parameters",
    "train_error": "train error",
    "test_error": "test error",
    "train_loss": "train loss",
    "test_loss": "test loss",
}
REAL_ONLY = "It is the squared distance of points in some Euclidean space: its embedding has no imaginary axis."
MAY_BE_IMAGINARY = "It is no squared distance of any Euclidean space: its embedding may have imaginary axes."


def label(column: str) -> str:
    """Display name of a column."""
    return COLUMN_LABELS.get(column, column.replace("_", " ").strip() or column)


def sentences(divergence: Divergence) -> list[str]:
    """Definition with unit, caps, and the kind of axes to expect."""
    return [
        f"{divergence.title}, {divergence.formula}. Unit: {divergence.unit}.",
        divergence.caps,
        MAY_BE_IMAGINARY if divergence.can_be_negative else REAL_ONLY,
    ]


def divergence_words() -> dict[str, dict[str, str | list[str]]]:
    """Divergence key -> texts for the browser, in menu order."""
    return {
        key: {name: getattr(divergence, name) for name in ("short", "title", "capped")}
        | {"sentences": sentences(divergence)}
        for key, divergence in DIVERGENCES.items()
    }
