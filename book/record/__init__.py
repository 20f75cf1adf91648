"""What runs gave, as it is kept in docs/records: executed notebooks, passes on a GPU, kinds of machines.

Imports ``run.job`` and the rooms below; no torch. It reads and writes; whether a record may be written is judged in ``prove``.
"""
