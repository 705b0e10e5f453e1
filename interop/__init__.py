"""Bridges to other programs: an installed Magenta.

magenta_configs  our configs as Magenta's
magenta_graph    tasks on Magenta's own graph, run in a process of their own
magenta_process  the original as the reference of tests and benchmarks
"""
