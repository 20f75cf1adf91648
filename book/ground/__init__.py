"""What every room stands on: errors that name their place and their mend, the folders of a checkout, whole writes.

Imports nothing of the book.
"""
