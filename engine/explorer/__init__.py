"""Scenes and figures of studies: computed once, cached, shared between clients."""
