"""Commands that run blocks and judge them: against records, rules, noise, other worlds and mutants; and what writes records.

Imports ``record`` and the rooms below. What readers see of a proof is data in ``record``.
"""
