"""What can be wrong with an integer network."""


class GraphError(ValueError):
    """A graph that cannot be run exactly: a wrong shape, or an accumulator that could overflow."""
