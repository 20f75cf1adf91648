"""What people write, read into data: pages, sections of snippets, the ledger, words, translations, formulas.

Imports ``ground``, and no torch. Nothing here runs a block or knows what one printed.
"""
