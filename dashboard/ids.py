"""Every component id of the page, grouped by region; assets/ uses the same names."""

from enum import StrEnum


class Page(StrEnum):
    """The frame around everything."""

    PROVIDER = "provider"
    LOCATION = "location"
    STUDY_DATA = "study-data"
    STYLE_DATA = "style-data"
    ANNOUNCER = "announcer"


class Header(StrEnum):
    """What is looked at, and how much of it."""

    STUDY = "study-picker"
    SPLIT = "split"
    COUNTS = "counts"
    LEFT_OUT = "left-out"
    STALE = "stale-badge"
    EMBED = "embed-button"
    AUTOMATIC = "automatic"
    THEME = "theme-toggle"


class Filters(StrEnum):
    """The left rail."""

    PANEL = "filters"
    CLEAR = "clear-filters"
    PROBLEMS = "problems"


class Picture(StrEnum):
    """The centre: the embedding and what is drawn over it."""

    COLOR_BY = "color-by"
    AXIS_X = "axis-x"
    AXIS_Y = "axis-y"
    AXIS_Z = "axis-z"
    REFERENCES = "references"
    RESET_CAMERA = "reset-camera"
    SCENE = "picture"
    LEGEND = "legend"
    PINS = "pins"
    LEVEL_OF_DETAIL = "level-of-detail"
    DETAIL = "detail"
    NOTICE = "notice"
    PROGRESS = "progress"
    PROGRESS_STAGE = "progress-stage"
    PROGRESS_BAR = "progress-bar"
    CANCEL = "cancel-button"


class Panels(StrEnum):
    """The right rail; one name per panel of the scene's payload."""

    SPECTRUM = "spectrum"
    EXPLAINED_STRESS = "explained-stress"
    EXPLAINED_VARIANCE = "explained-variance"


class Table(StrEnum):
    """The run table at the bottom."""

    GRID = "run-table"
    ONLY_PICKED = "only-picked"
    CLEAR_PICKED = "clear-picked"


class Status(StrEnum):
    """The line at the foot."""

    LINE = "status-line"


LEVELS = "filter-levels"
RANGE = "filter-range"


def levels_filter(name: str) -> dict[str, str]:
    """Id of the pills of one category; their number varies with the study, hence a dictionary."""
    return {"type": LEVELS, "name": name}


def range_filter(name: str) -> dict[str, str]:
    """Id of the range slider of one number."""
    return {"type": RANGE, "name": name}
