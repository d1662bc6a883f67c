"""The words that a search is asked for with; the command line reads them without torch."""

METHODS = ("evolution", "quantnas", "random", "greedy", "uniform")
COSTS = ("bitops", "bytes", "milliseconds")
