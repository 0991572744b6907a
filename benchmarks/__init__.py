"""The reproducible comparison of concatsplit with its peers: ``python -m benchmarks``."""
