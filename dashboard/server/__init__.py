"""Web server: access, request validation, bundling, compression, waitress."""
