"""Readers of foreign formats, one module each; their table is ``engine.formats.importers``."""
