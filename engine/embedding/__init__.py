"""InPCA embeddings: eigenpairs, coordinates, diagnostics, projection, low-rank previews."""
