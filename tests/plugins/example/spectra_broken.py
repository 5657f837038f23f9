"""A plugin that can't be imported."""

raise ImportError("it needs a library that is not here")
