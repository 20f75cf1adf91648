"""The index of blocks by the names they use, and the answer to a query in a terminal.

Imports ``record`` and the rooms below; no torch.
"""
