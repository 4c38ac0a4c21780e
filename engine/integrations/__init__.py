"""Recording from training frameworks: one small file each, which imports its framework when it is first used.

``session`` records, ``probes`` makes sure that it is the same samples in the same order every time, and ``lightning``,
``huggingface`` and ``keras`` call it at the right moments. For a plain loop, `engine.Recorder` is all there is.
"""

from __future__ import annotations
