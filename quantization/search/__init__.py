"""Search for the operations and the bits of a network's blocks: spaces, costs, and three searches.

`space` says what can be chosen, `costs` what a choice costs, `supernet` trains one set of weights
for all choices and tells how good one is with them. On it search `evolution` (NSGA-II), `gradient`
(QuantNAS), and as yardsticks `baselines`.
"""
