"""Extensions: panels and callbacks from an operator's own Python files.

A file defines ``register(app, explorer)`` and is run once, at the start, with all rights of the server: see
docs/extending.md. What goes wrong at the start ends it, naming file and line; what goes wrong in a callback is shown in
the panel that the callback belongs to.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from dash import Dash, _callback, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashboard.layout.panel_rail import add_panel
from dashboard.server.calls import text_only
from dashboard.server.requests import Question
from engine.errors import EngineError
from engine.explorer.explorer import Explorer

logger = logging.getLogger(__name__)

Callbacks = dict[str, dict[str, Any]]
"""Dash's table of callbacks by output."""

_ASYNC = (
    "is a coroutine (async def), which this server does not run: write def, with asyncio.run in it around what is async"
)


class ExtensionError(Exception):
    """An extension that cannot be loaded; the text names its file and line."""


class CoroutineReturnedError(EngineError):
    """A callback that returned a coroutine instead of a value."""


class Extensible(Dash):
    """Dash application with the methods that extensions use.

    Attributes:
        explorer: the engine.
        panels: panels of extensions, in the order in which they were added.
    """

    def __init__(self, explorer: Explorer, **options: Any) -> None:
        super().__init__(**options)
        self.explorer = explorer
        self.panels: list[html.Section] = []

    def add_panel(self, title: str, *content: Component | str) -> None:
        """Add a panel to the tab *Extensions* of the right rail.

        Args:
            title: its title.
            content: components, whose ids must differ from all others of the page.
        """
        self.panels.append(add_panel(self.layout, title, *content))

    def run_ids(self, shown: Mapping[str, Any]) -> tuple[str, ...]:
        """Run ids of the selection that the store ``shown`` holds.

        Raises:
            EngineError: it has no such fields, the study is gone, or its snapshot is no longer held.
        """
        question = Question(shown)
        return question.run_ids(question.study(self.explorer))

    text_only = staticmethod(text_only)

    def serve_layout(self) -> Any:
        """Layout as an answer; the browser writes the store ``shown`` only where a callback reads it."""
        read = {place["id"] for entry in self.callback_map.values() for place in (*entry["inputs"], *entry["state"])}
        if "shown" in read:
            setattr(self.layout["page"], "data-tells", "shown")
        return super().serve_layout()  # type: ignore[no-untyped-call]  # Dash leaves it untyped


def load_extension(app: Extensible, path: Path) -> None:
    """Run an extension's ``register``, and show errors of its callbacks in its panels.

    Args:
        app: the application, with its layout and its own callbacks.
        path: the Python file.

    Raises:
        ExtensionError: the file cannot be imported, has no ``register(app, explorer)``, which raised, or adds what the
            page cannot have: a background callback, an id or an output that there is already.
    """
    path = path.resolve()
    known, n_panels = _callbacks(app), len(app.panels)
    register = _register_of(path)
    try:
        register(app, app.explorer)
    except Exception as error:
        raise ExtensionError(f"{_place(path, error)}: {type(error).__name__}: {error}") from error
    added = {output: entry for output, entry in _callbacks(app).items() if known.get(output) is not entry}
    if reason := next(_faults(app, known, added), None):
        raise ExtensionError(f"{path}, line {register.__code__.co_firstlineno}: {reason}.")
    panels = app.panels[n_panels:]
    for output, entry in added.items():
        _refuse_coroutines(entry, output)
        if "callback" in entry and panels:
            _contain(entry, output, _panel_of(entry, panels), path)


def _register_of(path: Path) -> Callable[[Dash, Explorer], object]:
    """Function ``register`` of a file, which is imported under a name of its own."""
    name = f"{__name__}.{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ExtensionError(f"{path} is no Python file: its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ExtensionError(f"{_place(path, error)}: {type(error).__name__}: {error}") from error
    register = getattr(module, "register", None)
    if not inspect.isfunction(register):
        raise ExtensionError(f"{path}, line 1: it defines no function register(app, explorer).")
    try:
        inspect.signature(register).bind(None, None)
    except TypeError as error:
        line = register.__code__.co_firstlineno
        raise ExtensionError(f"{path}, line {line}: register must take (app, explorer): {error}.") from error
    return register


def _callbacks(app: Dash) -> Callbacks:
    """All callbacks: of ``app.callback``, and of ``dash.callback``, which Dash takes over at the first request."""
    return {**app.callback_map, **_callback.GLOBAL_CALLBACK_MAP}


def _faults(app: Dash, known: Callbacks, added: Callbacks) -> Iterator[str]:
    """Reasons why the page cannot have the callbacks and components that an extension added."""
    taken = {str(output) for entry in known.values() for output in _outputs(entry) if not output.allow_duplicate}
    for output, entry in added.items():
        if entry["background"]:
            yield (
                f"the callback of {output} is a background callback, which this server does not run; long work belongs "
                "to the explorer (explorer.request, explorer.analyses)"
            )
        if _is_async(_given(entry)):
            yield f"the callback of {output} {_ASYNC}"
        if output in known:
            yield f"the callback of {output} is there already"
        for each in _outputs(entry):
            if str(each) in taken and not each.allow_duplicate:
                yield f"another callback sets {each}: give the output allow_duplicate=True"
            taken.add("" if each.allow_duplicate else str(each))
    layout = app.layout
    if not isinstance(layout, Component) or "page" not in layout:
        yield "app.layout must stay a component that holds the page"
        return
    ids = Counter(json.dumps(component_id, sort_keys=True) for component_id in (getattr(layout, "id", None), *layout))
    yield from (f"the id {component_id} stands on the page twice" for component_id, n in ids.items() if n > 1)


def _given(entry: Mapping[str, Any]) -> object:
    """Function that an extension gave to Dash, which wraps it; None of a clientside callback."""
    callback = entry.get("callback")
    return getattr(callback, "__wrapped__", callback)


def _is_async(function: object) -> bool:
    # An object is called by the method of its class, which may be async as well. What functools.wraps made is no
    # coroutine because its original is one: it may run it.
    called = (function, type(function).__call__) if callable(function) else ()
    return any(inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in called)


def _refuse_coroutines(entry: Mapping[str, Any], output: str) -> None:
    """Let a callback raise CoroutineReturnedError where it returns a coroutine, which only a call can tell of a def."""
    run = entry.get("callback")
    # Dash would drop a coroutine without a word if the callback has no output, and names its type otherwise. Its
    # wrapper holds the function as `func`.
    if run is None or "func" not in (names := run.__code__.co_freevars):
        return
    cell = run.__closure__[names.index("func")]
    function = cell.cell_contents

    @wraps(function)
    def checked(*values: Any, **options: Any) -> Any:
        returned = function(*values, **options)
        if inspect.iscoroutine(returned):
            returned.close()
        if inspect.isawaitable(returned) or inspect.isasyncgen(returned):
            raise CoroutineReturnedError(f"The callback of {output} {_ASYNC}.")
        return returned

    cell.cell_contents = checked


def _outputs(entry: Mapping[str, Any]) -> list[Any]:
    output = entry["output"]
    return list(output) if isinstance(output, list | tuple) else [output]


def _panel_of(entry: Mapping[str, Any], panels: list[html.Section]) -> html.Section:
    """Panel with an output of a callback; the first one for outputs elsewhere."""
    for output in _outputs(entry):
        for panel in panels:
            # Equality of dependencies is Dash's own, in which a wildcard equals any value.
            if any(output == type(output)(component_id, output.component_property) for component_id in panel):
                return panel
    return panels[0]


def _contain(entry: dict[str, Any], output: str, panel: html.Section, path: Path) -> None:
    """Answer errors of a callback with a notice in its panel, which its next answer takes back."""
    run = entry["callback"]
    notice = f"extension-error-{hashlib.sha256(output.encode()).hexdigest()[:16]}"
    panel.children.append(html.P("", id=notice, className="panel-error", role="alert", hidden=True))

    def refused(error: Exception) -> str:
        logger.error("The extension %s failed in its callback of %s.", path, output, exc_info=error)
        # The message of another error may hold what no visitor should read, such as a path.
        message = f": {error}" if isinstance(error, EngineError) else "; the server's log has the details."
        words = f"{type(error).__name__} in {_place(Path(path.name), error, path)}{message}"
        update = {notice: {"children": words, "hidden": False}}
        return json.dumps({"multi": True, "response": {}, "sideUpdate": update})

    def hide_notice(options: Mapping[str, Any]) -> None:
        options["callback_context"].updated_props[notice] = {"hidden": True}

    @wraps(run)
    def contained(*values: Any, **options: Any) -> Any:
        hide_notice(options)
        try:
            return run(*values, **options)
        except PreventUpdate:
            raise
        except Exception as error:  # whatever an extension raises
            return refused(error)

    entry["callback"] = contained


def _place(name: Path, error: BaseException, path: Path | None = None) -> str:
    """Name of a file, and the line at which an error left it or its syntax is wrong."""
    file = str(path or name)
    lines = [error.lineno] if isinstance(error, SyntaxError) and error.filename == file else []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f"{name}, line {lines[-1]}" if lines else str(name)
