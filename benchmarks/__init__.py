"""What adflight costs, beside what users would write or generate otherwise: `python -m benchmarks`.

Measures with the public client only; never imported by it.
"""
