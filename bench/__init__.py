"""Measurements of the engine, of the site and of training: ``python -m book bench``. What they gave stands in bench.json.

Imports the book; no module of the book but its command line imports this.
"""
