"""Every word on screen that is more than a name, so that the prose can be read alone."""

from __future__ import annotations

TITLE = "InPCA Explorer"
DESCRIPTION = "Training trajectories of many networks in one live InPCA embedding."

NO_STUDIES = (
    "No studies here yet",
    "A study is a folder of recorded runs. Record one with engine.Recorder while a network trains "
    "(ten lines, see the README), or start the app on the studies that ship: python app.py --studies data/studies",
)

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
        "|λ| of W = -LDL/2, largest first. Blue: real axes. Red, hatched: imaginary axes (λ < 0).",
    ),
    "explained-stress": (
        "Explained stress",
        "1 - ‖W - Wₖ‖ / ‖W‖ with the first k components; the full norm is the denominator.",
    ),
    "explained-variance": (
        "Explained variance",
        "Signed Σλ / tr W (may pass 1); distance 1 - ‖D - Dₖ‖ / ‖D‖; absolute Σ|λ| / Σ|λ|, up to 400 checkpoints.",
    ),
}

SEARCH_LABEL = "Search runs: words that must all occur in a run's name or hyperparameters, or name:value"
SEARCH_EXAMPLE = "Search runs, e.g. cnn seed:1"

SINGLE_KEYS = "Single keys act on the page (arrows and Esc always do)"
GESTURES = (
    ("Drag", "turn the picture; with the right button, move it; with the wheel, zoom."),
    ("Legend", "a click shows or hides, a double click or Shift and click shows only this."),
    (
        "Search",
        "all words must occur in a run's name or hyperparameters; seed:1 asks one of them; quotes hold words together.",
    ),
    ("Histograms", "solid bars are the runs that pass all other filters, faint ones the whole study."),
)

STRETCHED = "axes stretched: lengths in different directions cannot be compared"
CLOCKS = {
    "progress": "How far along the geodesic to P*. A run is cut where it first gets there; it may fall back later.",
    "epoch": "Passes over the training data.",
    "step": "Updates of the weights.",
}
SPEEDS = (0.5, 1, 2, 4)

FIRST_PANE = "present selection"
ONE_FRAME = "one camera, one scale"
ONE_FRAME_EXPLAINED = "Both pictures turn together, in the same frame: equal lengths on screen are equal distances"
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


def label(column: str) -> str:
    """A column's name as people read it."""
    return COLUMN_LABELS.get(column, column.replace("_", " "))
