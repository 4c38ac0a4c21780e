"""Import and export of runs in foreign file formats; recipes."""
