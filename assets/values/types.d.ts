/*
 * Types of what the page's modules hand each other. They are everywhere by their names; nothing of this reaches a browser.
 */

/* ------------------------------------------------------------------ embeddings */

/** Models of a run: contiguous, in order of training. */
type Span = { first: number; count: number };

type ArraysOfScene = {
  run: Uint32Array;
  checkpoint: Uint32Array;
  coordinates: Float32Array;
  reference_coordinates?: Float32Array;
  reference_positions?: Float32Array;
  [column: `model:${string}`]: Float32Array;
};

type Diagnostics = {
  signature: number[];
  explained_variance: number[];
  explained_stress?: number[];
  explained_distance?: number[];
  error_estimate?: number[];
  residual?: number | null;
};

/** What a scene has in common with the one before it; components are counted from one. */
/** Components, counted from zero, that are rotated into each other. */
type Turned = { members: number[]; rotation: number[][] };
type Alignment = {
  shared: number; rotated: number[][]; moved: [number, number][]; flipped: Set<number>; blocks: Turned[];
};

/** A plotly figure of a panel, with the number in its title. */
type PanelFigure = { data: PlotlyTrace[]; layout: Record<string, any>; merit?: string; verdict?: string };
type PanelFigures = Record<string, PanelFigure>;

/** One embedding as the browser holds it (dashboard/payloads/scene.py). */
interface Scene {
  key: string;
  study: string;
  split: string;
  divergence: string;
  fit_references: boolean;
  run_ids: string[];
  n_models: number;
  n_components: number;
  n_capped: number;
  device: string;
  seconds: number;
  is_streamed: boolean;
  is_preview: boolean;
  diagnostics: Diagnostics;
  panels?: PanelFigures;
  arrays: ArraysOfScene;
  spans: Span[];
  /** Answers fetched later, and the question that the server answered; shared by all scenes derived from this one. */
  closer: { answers: Map<string, Promise<any>>; panels: PanelFigures | null; compared?: string; question?: object };
  turnedShares?: Map<number, number>;
  importances?: Map<string, Importances>;
  alignment?: Alignment;
}

/** A scene as it is drawn: aligned to the one before it. */
type AlignedScene = Scene & { alignment: Alignment };

type Importances = { importance: Float32Array<ArrayBuffer>; longest: number };

/** Level of detail of a picture. */
type Detail = {
  canReduce: boolean;
  isReduced: boolean;
  tolerance: number;
  importance: Float32Array | null;
  total: number;
  drawn: number;
  share: number;
};

/* ------------------------------------------------------------------ studies */

/** A column of the run table: levels, or numbers. */
type LevelColumn = {
  name: string;
  label: string;
  levels: string[];
  level: number[];
  ordered: boolean;
  numbers?: undefined;
  /** Levels as they were recorded, where the page shows others (study/live.mjs). */
  recorded?: string[];
};
type NumberColumn = {
  name: string;
  label: string;
  numbers: (number | null)[];
  levels?: undefined;
  level?: undefined;
  recorded?: undefined;
};
type Column = LevelColumn | NumberColumn;

type LevelsFilter = { kind: "levels"; name: string; levels: string[]; counts?: number[] };
type RangeFilter = { kind: "range"; name: string; stops: number[]; counts: number[]; discrete: boolean; logarithmic: boolean };
type Filter = LevelsFilter | RangeFilter;

/** Choice in a filter: levels, or the end stops of a range. */
type Choice = string[] | number[];
type Choices = Map<string, any>;

type SearchWord = { columns: Column[]; value: string; number?: number };
type LevelsConstraint = LevelsFilter & { chosen: Set<string> };
type RangeConstraint = RangeFilter & { low: number; high: number };
type SearchConstraint = { kind: "search"; name: null; text: string; words: SearchWord[] };
type KeptConstraint = { kind: "kept"; name: null; size: number };
type Constraint = LevelsConstraint | RangeConstraint | SearchConstraint;

type Problem = { run_id: string; reason: string };

/** What a view sets (dashboard/view_state.py, payloads/study.py). */
type StudyView = {
  picked: string[];
  pinned: string[];
  color_by: string;
  axes: Axes;
  flips: number[];
  camera: number[];
  dark: boolean | null;
  choices: [string, any][];
  search: string;
  mode: ViewName;
  paired: number;
  tab: string;
  scale: Scale;
  clock: Clock;
  moment: number | null;
  context: Context;
  comparison: string;
  divergence: string;
  figure: string;
  figure_options: Record<string, any>;
};

/** A study's tables, as the server sends them (dashboard/payloads/study.py). */
interface Study {
  study: string;
  title: string;
  fingerprint: string;
  run_ids: string[];
  splits: string[];
  columns: Column[];
  filters: Filter[];
  /** Why there are no filters; empty if there are some, or no run. */
  unfiltered: string;
  /** Title and advice of a study without a usable run. */
  empty: [string, string] | null;
  differing: string[];
  problems: Problem[];
  opening_seconds: number;
  notice: string;
  advice: string;
  is_link: boolean;
  /** The address that Dash held when it opened the study. */
  query: string;
  isGrown?: boolean;
  view?: StudyView;
}

/* ------------------------------------------------------------------ pictures */

type Axes = number[];
type Scale = "equal" | "stretched";
type Context = "faint" | "hidden";
type Clock = string;
type ViewName = "3d" | "pairs" | "compare" | "figures";
type Theme = "light" | "dark";

/** Place in training: a clock's name, and a value on it. */
type Moment = { clock: Clock; at: number };
/** While a picture comes in: runs that are new to it, and how far they have grown. */
type Growth = { isNew(run: number): boolean; share: number };

type Vector = number[];
type Point = { x: number; y: number; z: number };
/** As plotly has it. */
type Camera = { eye: Point; center: Point; up: Point; projection?: { type: string } };
/** A place in the window. */
type Box = { x0: number; x1: number; y0: number; y1: number };
/** A rectangle of an element, in its pixels. */
type Rectangle = { left: number; right: number; top: number; bottom: number };
type Size = { width: number; height: number; taken?: Rectangle[] };
type Frame = { left: number; top: number; width: number; height: number };

type LegendEntry = { name: string; color: string };
type LevelColouring = { kind: "levels"; label: string; entries: LegendEntry[]; entryOfRun(run: number): number };
type NumberColouring = {
  kind: "numbers";
  label: string;
  low: number;
  high: number;
  isLogarithmic: boolean;
  /** All checkpoints of a run have one number. */
  isOfRuns: boolean;
  stepOfModel(model: number): number;
  colorOfModel(model: number): string;
  scale: string[];
};
type Colouring = LevelColouring | NumberColouring;

type Pin = { runId: string; slot: number; letter: string };

type Surface = { wall: string; muted: string; ink: string; reference: string; grid: string; paper: string };
type DivergenceWords = { title: string; short: string; capped: string; sentences: string[] };

/** Colours and words from the server (dashboard/theme.py, dashboard/text.py). */
type Style = {
  categories: string[];
  sequential: string[];
  other: string;
  timeLike: string;
  pins: string[];
  labels: Record<string, string>;
  templates: Record<string, any>;
  surfaces: Record<string, Surface>;
  stages: Record<string, string>;
  divergences: Record<string, DivergenceWords>;
  frames: Record<string, [string, string]>;
};

/** A scene under the present view: all that is drawn follows from it. */
interface Picture {
  scene: Scene;
  colouring: Colouring;
  isShown(run: number): boolean;
  /** The other scene of a comparison, with which ranges are shared. */
  alongside: Scene | null;
  context: Context;
  inFull: boolean;
  axes: Axes;
  picked: Set<string>;
  pins: Pin[];
  style: Style;
  theme: Theme;
  camera: Camera | null;
  scale: Scale;
  moment: Moment | null;
  emphasis?: number;
  showReferences: boolean;
  /** While it moves: ranges of the axes. */
  ranges?: number[][];
  growth?: Growth;
  /** Without walls, for a transparent file. */
  isBare?: boolean;
  hovered?: null;
}

/** What moments need of a picture. */
type Reached = Pick<Picture, "scene" | "moment" | "growth">;

type PlotlyTrace = Record<string, any>;
/** A trace with the model of each vertex, -1 in gaps; a head between two models has a fractional one. */
type PictureTrace = { trace: PlotlyTrace; role?: string; models?: ArrayLike<number> & Iterable<number> };
/** A trace of checkpoints. */
type ModelTrace = PictureTrace & { role: string; models: Int32Array | Float64Array };

/** Models of a run's line and their places on a canvas. */
type Path = { models: ArrayLike<number>; points: number[][] };
/** Sizes of highlights, in pixels (picture/emphasis.mjs). */
type Sizes = {
  core: number; badge: number; ring: number; letters: number; head: number; rim: number; wall: number; ink: number; own: number;
  font: string;
};

/** An element that plotly draws in. */
type Graph = HTMLElement & {
  data?: PlotlyTrace[];
  layout?: any;
  _fullLayout?: any;
  on(event: string, listener: (event: any) => void): void;
};

/* ------------------------------------------------------------------ the browser */

declare const Plotly: {
  Fx: { unhover(element: HTMLElement): void };
  version: string;
  react(element: HTMLElement, data: PlotlyTrace[], layout: object, config?: object): Promise<unknown>;
  relayout(element: HTMLElement, changes: object): Promise<unknown>;
  purge(element: HTMLElement): void;
  toImage(figure: object, options: object): Promise<string>;
  downloadImage(element: HTMLElement, options: object): Promise<string>;
  Plots: { resize(element: HTMLElement): void };
};

interface Window {
  inpca: any;
  dash_clientside: any;
  dash_ag_grid: any;
  dashAgGridFunctions: any;
}

/* ------------------------------------------------------------------ what parts of the page hand each other */

/** Listeners of a picture (picture/picture.mjs). */
type PictureListeners = {
  onHover?(model: number | null, box?: Box): void;
  onClick?(model: number): void;
  onDrawn?(picture: Picture): void;
  onTurn?(camera: Camera): void;
  onCamera?(camera: Camera): void;
  onLost?(): void;
  taken?(): Rectangle[];
};

/** A 3D picture in an element. */
type MadePicture = {
  element: HTMLElement;
  camera(): Camera | null;
  setCamera(view: Camera): void;
  lookFrom(view: Camera | string, keepsRoom?: boolean): Promise<void>;
  isFitted(): boolean;
  turn(): void;
  stopTurning(): void;
  isTurning(): boolean;
  draw(picture: Picture): Promise<void>;
  isDragging(): boolean;
  highlight(runId: string | null, checkpoint: number | null): void;
  isMoving(): boolean;
  rest(flag: boolean): Promise<void>;
  renew(): Promise<void>;
  project(models: ArrayLike<number>): Float32Array;
  clear(): void;
};

/** What projects checkpoints of a picture to pixels. */
type Projection = { project(picture: Picture, models: ArrayLike<number>): Float32Array };

/** A panel of a pair of components, in pixels. */
type PairPanel = { column: number; row: number; left: number; top: number; width: number; height: number };
type PairMap = { scale: number; x(value: number): number; y(value: number): number };
/** Pixels of a row of coordinates. */
type Places = { x(row: number): number; y(row: number): number };
type Line = { models: ArrayLike<number>; color: string; width: number };
type Dot = { models: number[]; color: string; size: number };
type Strokes = { lines: Line[]; dots: Dot[] };

/** State of a job on the server. */
type JobStatus = {
  state: "queued" | "running" | "done" | "failed" | "cancelled" | "expensive";
  key: string;
  stage?: string;
  fraction: number;
  remaining?: number;
  predicted: number;
  message: string;
  preview?: boolean;
  scene?: Scene;
  [more: string]: any;
};
type Options = { signal?: AbortSignal };
/** A kind of job on the server (page/jobs.mjs). */
type JobKind = {
  start(body: object, options: Options): Promise<JobStatus>;
  status(key: string, options: Options): Promise<JobStatus>;
  result(status: JobStatus, options: Options): any;
  cancel(key: string, body: object): Promise<unknown>;
  cancelled(): Error;
};
type JobListener = {
  onStatus?(status: JobStatus, milliseconds: number): void;
  onResult(result: any, milliseconds: number): void;
  onExpensive?(seconds: number): void;
  onRefused(error: Error & { kind: string }): void;
  onLost?(): void;
  onAnswer?(status: JobStatus, sinceThen: () => number): void;
  mayRepeat?(): boolean;
};
type SceneListener = Omit<JobListener, "onResult" | "onAnswer"> & {
  onScene(scene: Scene, milliseconds: number): void;
  onPreview?(scene: Scene, milliseconds: number): void;
};
type SceneAsker = {
  ask(name: string, question: object, limit: number, listener: SceneListener): void;
  askedName(): string | null;
  withdraw(): void;
};

/** An element of the page, with the fields of those that are inputs, menus or dialogs. */
type PageElement = HTMLElement & {
  value: any;
  open: boolean;
  disabled: boolean;
  checked: boolean;
  options: HTMLOptionsCollection;
  showModal(): void;
  close(): void;
};

type NoticeButton = { label: string; action: () => void };

/** Second embedding of a comparison: what differs from the first. */
type Comparison = { kind: "split" } | { kind: "selection"; mask: string } | { kind: "divergence"; divergence: string };

/**
 * What an entry of the browser's history holds beside its address: hidden levels, picked runs too many to be pins, the
 * camera with all its digits, and the rotations that aligned its scene.
 */
type Aside = {
  hidden: string[]; picked: string[]; isAlone: boolean; camera: Camera | null; turns: { key: string; blocks: Turned[] } | null;
};

/** State of the page (page/state.mjs). */
interface State {
  // Content.
  study: Study;
  style: Style;
  split: string;
  divergence: string;
  /** Setting of each filter's control. */
  choices: Choices;
  /** Filters that exclude something. */
  constraints: Constraint[];
  search: string;
  references: string;
  automatic: boolean;
  mask: Uint8Array;
  kept: Set<string>;
  // Presentation.
  theme: Theme;
  /** The theme that the reader or the link has chosen; empty for the system's. */
  chosenTheme: string;
  emphasis: number;
  colorBy: string;
  view: ViewName;
  axes: Axes;
  pairedComponents: number;
  tab: string;
  figure: string;
  figureOptions: Record<string, any>;
  comparison: Comparison | null;
  camera: Camera | null;
  scale: Scale;
  clock: Clock;
  /** Where trajectories are cut; null: whole. */
  moment: Moment | null;
  /** Flipped components of an opened view, until its embedding arrives. */
  flips: Set<number> | null;
  /** Runs selected in the table, equivalently pinned in the picture; up to a dozen have a letter and colour. */
  picked: Set<string>;
  pins: Pin[];
  /** Only picked runs are shown, while there are any. */
  isAlone: boolean;
  /** Levels hidden in the legend. */
  hidden: Set<string>;
  /** How embedded runs that are not shown are drawn. */
  context: Context;
  /** A long study is drawn in full, not simplified. */
  inFull: boolean;
  hovered: string | null;
  // The embedding on screen, and values derived from it: null before the first one, which callers test.
  scene: AlignedScene;
  alongside: Scene | null;
  embeddedName: string;
  colouring: Colouring;
  passes: (run: number) => boolean;
  isShown: (run: number) => boolean;
  /** The second picture of a comparison as now seen. */
  secondSeen: () => Picture | null;
  isOpening: boolean;
  /** The next embedding is of the same selection after the study grew on disk. */
  isGrown: boolean;
}

/** What is asked for is there, as the layout or the caller has put it; otherwise the caller tests. */
interface ParentNode {
  querySelector(selectors: string): PageElement;
  querySelectorAll(selectors: string): NodeListOf<PageElement>;
}
interface Element {
  closest(selector: string): PageElement | null;
}

/* ------------------------------------------------------------------ files, figures, stories */

/** A flat shape of an exported page, in CSS pixels (export/scene-shapes.mjs). */
type LineShape = { kind: "line"; points: number[][]; color: string; width: number };
type AreaShape = { kind: "area"; points: number[][]; color: string };
type TextShape = {
  kind: "text"; x: number; y: number; text: string; size: number; color: string; anchor: string; angle?: number; weight?: number;
};
type Shape = LineShape | AreaShape | TextShape;
/** A shape with the depth at which it lies in the scene. */
type Piece3d = (LineShape | AreaShape) & { depth: number };
type Drawing = { width: number; height: number; background: string; title: string; shapes: Shape[] };
type PageOptions = { width: number; height: number; theme: Theme; isTransparent: boolean };
type Layer = { shapes(): Shape[]; paint(context: CanvasRenderingContext2D, zoom: number): unknown };
/** The projection of a picture's box (picture/frame.mjs). */
type Projected = {
  project(point: Vector): number[];
  corner(bits: number): Vector;
  isNear(axis: number): boolean;
  ranges: number[][];
};

/** A recipe file (engine/formats/recipe.py). */
type Recipe = {
  study: string;
  split: string;
  divergence: string;
  runs: Record<string, string>;
  fit_references: boolean;
  eigenvalues: number[];
  versions: Record<string, string>;
  view?: { address?: unknown };
  [more: string]: any;
};

/** A series of an analysis figure: points of runs, one after another (dashboard/figures/analyses/series.py). */
type Series = {
  run_ids: string[];
  starts: number[];
  x: (number | null)[];
  y: (number | null)[];
  mode: string;
  name?: string;
  xaxis?: string;
  yaxis?: string;
  marker?: object;
  line?: object;
};
type AnalysisFigure = { title: string; shape: string; data: PlotlyTrace[]; series: Series[]; layout: object };
type AnalysisAnswer = {
  kind: string;
  key: string;
  figures: AnalysisFigure[];
  numbers: [string, string][];
  notes: string[];
  basis: string;
  seconds: number;
  tables: { name: string; n_rows: number }[];
};
/** How runs look in figures. */
type FigureLook = {
  colorOf(runId: string): string;
  colorOfLevel(column: string, level: string): string | undefined;
  isShown(runId: string): boolean;
  pins: Pin[];
  pinColors: string[];
};
/** An option of a figure, as the server describes it. */
type FigureOption = {
  key: string; title: string; kind: string; applies: boolean; governs: string[]; low: number; high: number; is_whole: boolean;
};
type Alternatives = [string, string][];

/** A named view of a study (dashboard/saved/views.py). */
type SavedView = { view_id: string; title: string; sentence: string; query: string; position?: number };

/** A run that is not sealed, in the server's pulse (dashboard/routes/live.py). */
type UnfinishedRun = { run_id: string; silence: number; is_stalled: boolean };
type Pulse = { fingerprint: string; n_runs: number; n_checkpoints: number; unfinished: UnfinishedRun[]; troubles: string[] };
