"""Studies and runs on disk: folders, journals, encodings, verification."""
