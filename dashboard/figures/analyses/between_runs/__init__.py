"""Charts of distances between whole runs."""
