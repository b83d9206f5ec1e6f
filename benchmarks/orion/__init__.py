"""A simulated Orion: from sources and stamps to a corrected companion fraction.

    python -m benchmarks.orion -o DIR [--sources 27730] [--seed 1]

Sources, companions and chance neighbours are drawn (``sky``), seen by six surveys,
classified with the bundled weights and measured (``chunks``), and counted
(``fraction``). A run that was stopped goes on from the chunks that are there.
"""
