"""Every component id of the page, grouped by region; assets/ uses the same names."""

from enum import StrEnum


class Page(StrEnum):
    """The frame around everything."""

    PROVIDER = "provider"
    LOCATION = "location"
    STUDY_DATA = "study-data"
    GROWTH = "growth"
    OPEN_STUDY = "open-study"
    STYLE_DATA = "style-data"
    ANNOUNCER = "announcer"
    SKIP = "skip-link"


class Header(StrEnum):
    """What is looked at, and how much of it."""

    STUDY = "study-picker"
    SPLIT = "split"
    DIVERGENCE = "divergence"
    COUNTS = "counts"
    LEFT_OUT = "left-out"
    STALE = "stale-badge"
    EMBED = "embed-button"
    AUTOMATIC = "automatic"
    HELP = "help-button"
    THEME = "theme-toggle"


class Export(StrEnum):
    """The menu of what can be taken away; assets/85-export.js adds the boxes of width and height."""

    BUTTON = "export-button"
    PANEL = "export-panel"
    SIZE = "export-size"
    CUSTOM = "export-custom"
    ZOOM = "export-zoom"
    THEME = "export-theme"
    BACKGROUND = "export-background"
    PNG = "export-png"
    SVG = "export-svg"
    PDF = "export-pdf"
    HTML = "export-html"
    LINK = "copy-link"
    ROWS = "export-rows"
    CSV = "export-csv"
    RECIPE = "export-recipe"
    OPEN_RECIPE = "open-recipe"
    STATUS = "export-status"


class SavedViews(StrEnum):
    """Saved views, the study's tour, and the steps of a presentation."""

    BUTTON = "views-button"
    MENU = "views-menu"
    PRESENT = "present-toggle"
    CAPTION = "caption"
    TITLE = "caption-title"
    SENTENCE = "caption-sentence"
    LEFT = "caption-left"
    RETURN = "present-return"
    STEPS = "caption-steps"
    COUNT = "caption-count"
    PREVIOUS = "present-previous"
    NEXT = "present-next"
    FULL = "present-full"
    FULLSCREEN = "present-fullscreen"
    LEAVE = "present-leave"
    TOUR_CARD = "tour-card"


class Filters(StrEnum):
    """The left rail."""

    SEARCH = "search"
    ACTIVE = "active-filters"
    FOLD = "fold-filters"
    CLEAR = "clear-filters"
    PANEL = "filters"
    PROBLEMS = "problems"
    STALLED = "stalled-runs"


class Picture(StrEnum):
    """The centre: the embedding and what is drawn over it."""

    COLOR_BY = "color-by"
    AXIS_X = "axis-x"
    AXIS_Y = "axis-y"
    AXIS_Z = "axis-z"
    REFERENCES = "references"
    SCALE = "scale"
    SCALE_BADGE = "scale-badge"
    RESET_CAMERA = "reset-camera"
    LOOK_ISOMETRIC = "view-isometric"
    LOOK_X = "view-x"
    LOOK_Y = "view-y"
    LOOK_Z = "view-z"
    TURN = "turn"
    SCENE = "picture"
    LEGEND = "legend"
    PINS = "pins"
    LEVEL_OF_DETAIL = "level-of-detail"
    DETAIL = "detail"
    NOTICE = "notice"
    LINK_NOTE = "link-note"
    PROGRESS = "progress"
    PROGRESS_STAGE = "progress-stage"
    PROGRESS_BAR = "progress-bar"
    CANCEL = "cancel-button"


class Time(StrEnum):
    """The bar under the picture."""

    BAR = "time-bar"
    PLAY = "time-play"
    SLIDER = "time-slider"
    VALUE = "time-value"
    CLOCK = "time-clock"
    SPEED = "time-speed"
    LOOP = "time-loop"


class Views(StrEnum):
    """The centre's other views: the switch between them, the 2D pairs, and the second of two embeddings."""

    PICTURE = "view-3d"
    PAIRS = "view-pairs"
    COMPARE = "view-compare"
    N_PAIRED = "paired-components"
    PAIR_GRID = "pairs"
    COMPARISON = "comparison"
    ONE_FRAME = "one-frame"
    FIRST_HEAD = "first-head"
    SECOND_HEAD = "second-head"
    SECOND_SPLIT = "second-split"
    SECOND_SELECTION = "second-selection"
    SECOND_DIVERGENCE = "second-divergence"
    KEEP_SELECTION = "keep-selection"
    SECOND = "second"
    SECOND_PICTURE = "second-picture"
    SECOND_NOTICE = "second-notice"
    SECOND_PROGRESS = "second-progress"
    SECOND_PROGRESS_STAGE = "second-progress-stage"
    SECOND_PROGRESS_BAR = "second-progress-bar"
    SECOND_CANCEL = "second-cancel"
    GRAPHICS_NOTICE = "graphics-notice"
    TROUBLE_NOTICE = "trouble-notice"
    FIGURES = "view-figures"


class Figures(StrEnum):
    """The view of all other figures."""

    PAGE = "figure-page"
    LIST = "figure-list"
    OPTIONS = "figure-options"
    PROGRESS = "figure-progress"
    STAGE = "figure-stage"
    BAR = "figure-bar"
    CANCEL = "figure-cancel"
    TROUBLE = "figure-trouble"
    NUMBERS = "figure-numbers"
    HOST = "figure-host"
    READOUT = "figure-readout"
    NOTES = "figure-notes"
    BASIS = "figure-basis"
    TAKE_AWAY = "figure-take-away"


class Panels(StrEnum):
    """Figures about an embedding's components; one name per panel of the scene's payload."""

    SPECTRUM = "spectrum"
    EXPLAINED_STRESS = "explained-stress"
    EXPLAINED_VARIANCE = "explained-variance"
    EXPLAINED_DISTANCE = "explained-distance"


class DistancePanels(StrEnum):
    """Panels about the distances that were embedded, asked for when they are looked at."""

    SHEPARD = "shepard"
    RUN_DISTANCES = "run-distances"


class PanelRail(StrEnum):
    """The right rail, beside its panels."""

    TABS = "panel-tabs"
    COMPONENTS_TAB = "tab-components"
    COMPONENTS = "panels-components"
    DISTANCES_TAB = "tab-distances"
    DISTANCES = "panels-distances"
    SPECTRUM_HINT = "spectrum-hint"
    SHEPARD_COMPONENTS = "shepard-components"
    WORST = "worst"
    WORST_PAIRS = "worst-pairs"
    RUN_ORDER = "run-order"


class Table(StrEnum):
    """The run table at the bottom."""

    GRID = "run-table"
    ONLY_PICKED = "only-picked"
    CLEAR_PICKED = "clear-picked"


class Help(StrEnum):
    """The sheet over the page that says which keys do what."""

    SHEET = "help-sheet"
    TITLE = "help-title"
    CLOSE = "help-close"
    KEYS = "help-keys"
    SINGLE_KEYS = "single-keys"


class Status(StrEnum):
    """The line at the foot."""

    LINE = "status-line"


class Live(StrEnum):
    """Beside the line at the foot, while a study is being recorded."""

    BOX = "live"
    SUMMARY = "live-summary"
    NEWS = "live-news"
    SHOW = "live-show"
    FOLLOW = "live-follow"
    MARK = "live-mark"
