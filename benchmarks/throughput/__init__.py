"""How fast a whole catalogue goes, beside what an astronomer writes today.

``python -m benchmarks.throughput`` times both on the same files in one run,
``python -m benchmarks.throughput.inference`` ways to run the network, and
``python -m benchmarks.memory`` whole runs of growing size.
"""
