"""Studies that ship with the project, and the sweeps that made them."""
