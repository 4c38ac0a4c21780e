"""Hostile inputs: path traversals, markup, malformed requests."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

_STEPS = (
    "../", "..\\", "%2e%2e/", "%2e%2e%2f", "..%2f", "..%5c", "%252e%252e%252f", "..%c0%af", "..%ef%bc%8f", "..;/",
    "....//", "..././", "\u2024\u2024/", "\uff0e\uff0e\uff0f", "..\u2215", ".%00./", "./../", "a/../../", "~/../",
    "..#/",
)  # fmt: skip
_TARGETS = (
    "etc/passwd", "etc/passwd\x00.npy", "secret.txt", "secret.txt#", "secret.txt?x", "windows/win.ini",
    "proc/self/environ", "study.json",
)  # fmt: skip
_ABSOLUTE = (
    "/etc/passwd", "//etc/passwd", "\\\\host\\share\\secret.txt", "//host/share/secret.txt", "C:\\windows\\win.ini",
    "C:secret.txt", "file:///etc/passwd", "~root/.ssh/id_rsa", "~", ".", "..", "...", "", " ", "/", "\\", "\x00",
    "%00", "CON", "NUL", "aux.npy", "a" * 300, "-rf", "$HOME/secret.txt", "${HOME}", "`id`", "|id", "%s%n",
    "\u202e..", "\udcff", "/proc/self/fd/0", "/dev/zero", "/dev/stdin",
)  # fmt: skip


def traversals(secret: Path) -> list[str]:
    """At least 500 names that lead out of a folder, many of them to ``secret``."""
    climbing = ["".join(pair) for pair in itertools.product(_STEPS, _TARGETS)]
    deep = [step * depth + str(secret).lstrip("/") for step in _STEPS for depth in (1, 2, 4, 8, 16)]
    twice = [step * 6 + target for step in _STEPS for target in ("etc/passwd", "etc/hosts", "root/.bashrc")]
    named = [*_ABSOLUTE, str(secret), f"//{secret}", f"small/../../{secret.name}", f"small/../{secret.name}"]
    encoded = [quote(name, safe="") for name in (str(secret), "../" * 9 + str(secret).lstrip("/"))]
    found = list(dict.fromkeys([*climbing, *deep, *twice, *named, *encoded]))
    links = [f"{prefix}{name}" for prefix in ("small/", "small/runs/", "./") for name in found]
    return list(dict.fromkeys([*found, *links]))[:500]


SCRIPT = "window.broken=(window.broken||0)+1"
_ELEMENTS = (
    "<script>{x}</script>", "<img src=x onerror={x}>", "<svg onload={x}>", "<svg><script>{x}</script></svg>",
    "<body onload={x}>", "<iframe srcdoc='<script>parent.{x}</script>'>", "<details open ontoggle={x}>",
    "<a href='javascript:{x}'>a</a>", "<math><a xlink:href='javascript:{x}'>a</a></math>",
    "<video><source onerror={x}>", "<input autofocus onfocus={x}>", "<marquee onstart={x}>",
    "<object data='javascript:{x}'>", "<embed src='javascript:{x}'>", "<form><button formaction='javascript:{x}'>b",
    "<style>@import 'javascript:{x}'</style>", "<link rel=stylesheet href='javascript:{x}'>",
    "<base href='javascript:{x}//'>", "<template><img src=x onerror={x}></template>",
    "<img src='x' style='animation:a' onanimationstart={x}>",
)  # fmt: skip
_BREAKOUTS = ("", "'>", '">', "</script>", "-->", "</title>", "]]>", "</textarea>")
_OTHERS = (
    "javascript:{x}", "\\href{{javascript:{x}}}{{a}}", "$\\href{{javascript:{x}}}{{a}}$",
    "$$\\unicode{{<img src=x onerror={x}>}}$$", "data:text/html,<script>{x}</script>", "';{x};'", '";{x};"',
    "`${{{x}}}`", "{{{{constructor.constructor('{x}')()}}}}", "%{{x}}{x}",
    "%{{customdata}}<extra><img src=x onerror={x}></extra>", "\x00<script>{x}</script>",
    "<scr\x00ipt>{x}</scr\x00ipt>", "＜script＞{x}＜/script＞", "<<script>{x}//<</script>", "<IMG SRC=x OnErRoR={x}>",
    "<img/src=x/onerror={x}>", "<img\nsrc=x\nonerror={x}>", "&lt;script&gt;{x}&lt;/script&gt;",
    "&#60;img src=x onerror={x}&#62;", "\u2028{x}\u2029", "<b>{x}</b><br><i>", "<a href=http://evil.example>{x}</a>",
    "</script><script>{x}</script>", "<!--{x}-->", "<![CDATA[{x}]]>", "__proto__", "constructor", "toString",
    "hasOwnProperty", "=cmd|'/c calc'!A0", "@SUM(1+1)", "\u202e{x}", "{x}\r\nSet-Cookie: a=b", "<sup>{x}</sup>",
    "<span style='position:fixed;inset:0'>{x}</span>", "<a href='vbscript:{x}'>a</a>",
    "<a href='data:text/html,x'>a</a>", "%0a%0d{x}", "//evil.example/{x}", "onerror={x}",
)  # fmt: skip


def markup() -> list[str]:
    """200 texts that do harm if interpreted as anything but text."""
    found = [breakout + element.format(x=SCRIPT) for breakout in _BREAKOUTS for element in _ELEMENTS]
    return list(dict.fromkeys([*found, *(other.format(x=SCRIPT) for other in _OTHERS)]))[:200]


WRONG_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, 1e308, -1e308, 2**53 + 1, 2**63, 2**64, 10**9, -(10**400), 10**400, "", " ",
    "x", "0", "null", "NaN", "x" * 5000, "x" * 70_000, "\x00", "\ud800", "\U0001f600" * 50, "train\x00", "__proto__",
    "constructor", [], [[]], [None], ["x"] * 1000, list(range(3000)), {}, {"a": {"a": {"a": {}}}}, {"": ""},
    {"__proto__": 1}, [[[[[[[[[[]]]]]]]]]], {"x" * 3000: 1}, "AAAA" * 1000, "%%%", "====", "/w==", "//////8=",
)  # fmt: skip


def mutated(body: Any, rng: random.Random, names: list[str]) -> Any:
    """Copy of a request with one to three faults."""
    for _ in range(rng.randint(1, 3)):
        body = _mutated_once(body, rng, names)
    return body


def _mutated_once(body: Any, rng: random.Random, names: list[str]) -> Any:
    wrong = rng.choice(names) if rng.random() < 0.3 else rng.choice(WRONG_VALUES)
    if rng.random() < 0.05 or not isinstance(body, (dict, list)) or not body:
        return wrong
    if isinstance(body, list):
        position = rng.randrange(len(body))
        kind = rng.random()
        if kind < 0.15:
            return body[:position] + body[position + 1 :]
        if kind < 0.3:
            return [*body, wrong]
        return [*body[:position], _mutated_once(body[position], rng, names), *body[position + 1 :]]
    key = rng.choice(list(body))
    kind = rng.random()
    if kind < 0.15:
        return {name: value for name, value in body.items() if name != key}
    if kind < 0.25:
        return {**body, rng.choice(["extra", "", "__proto__", key.upper(), rng.choice(names)]): wrong}
    return {**body, key: _mutated_once(body[key], rng, names)}


def broken(raw: bytes, rng: random.Random) -> bytes:
    """Bytes of a request with a fault below the level of JSON."""
    kind, position = rng.randrange(6), rng.randrange(len(raw) + 1)
    if kind == 0:
        return raw[:position]
    if kind == 1:
        return raw[:position] + rng.randbytes(rng.randint(1, 8)) + raw[position:]
    if kind == 2:
        return (
            raw[:position] + rng.choice([b"NaN", b"Infinity", b"-Infinity", b"1e999", b"\xef\xbb\xbf"]) + raw[position:]
        )
    if kind == 3:
        return rng.choice([b"[", b'{"a":', b"[{", b'"', b"-"]) * rng.choice([1, 1000, 100_000])
    if kind == 4:
        return raw + raw
    return bytes(byte ^ (1 << rng.randrange(8)) if rng.random() < 0.02 else byte for byte in raw)


_watchers: list[list[tuple[str, str]]] = []
_WATCHED = {
    "open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink",
    "os.truncate", "os.chmod", "shutil.rmtree", "subprocess.Popen", "os.system", "os.exec",
}  # fmt: skip
_is_hooked = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watchers and event in _WATCHED and arguments and not isinstance(arguments[0], int):
        for watcher in _watchers:
            watcher.append((event, str(arguments[0])))


@contextmanager
def watched_files() -> Iterator[list[tuple[str, str]]]:
    """Log of (event, path) for all that the process opens, lists, creates, moves, removes or starts meanwhile."""
    global _is_hooked
    if not _is_hooked:
        # An audit hook cannot be removed; without a watcher it returns at once.
        sys.addaudithook(_hook)
        _is_hooked = True
    seen: list[tuple[str, str]] = []
    _watchers.append(seen)
    try:
        yield seen
    finally:
        _watchers.remove(seen)


def outside(seen: list[tuple[str, str]], *folders: Path) -> list[tuple[str, str]]:
    """Events outside the given folders, other than reads of the interpreter, the program and system information."""
    program = [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[1] / "assets"]
    sources = [Path(__file__).parents[1] / name for name in ("engine", "dashboard", "tests")]
    allowed = [folder.resolve() for folder in folders]
    found = []
    for event, name in seen:
        path = Path(name).resolve()
        is_read_only = event in ("open", "os.listdir", "os.scandir")
        if any(path.is_relative_to(folder) for folder in allowed):
            continue
        if is_read_only and any(path.is_relative_to(folder) for folder in (*program, *sources)):
            continue
        if is_read_only and name in (
            "/proc/meminfo",
            "/proc/cpuinfo",
            "/dev/urandom",
            "/etc/localtime",
            "/proc/self/cgroup",
        ):
            continue
        if is_read_only and name.startswith("/sys/"):
            continue
        found.append((event, name))
    return found
