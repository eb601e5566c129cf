"""The three jobs of the seed article, end to end, on real recordings.

`python -m experiments` runs all; each module here runs alone as well, with `--help`.
"""
