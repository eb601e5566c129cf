"""What is gained over what one uses today: each case runs our code and a peer's on the same arrays.

`python -m benchmarks [NAME ...] --json FILE`; `--list` names the cases.
"""
