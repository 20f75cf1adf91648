"""The public names of PyTorch: the list of them (apis.json), how it is made from the installed torch, how many are shown.

Imports ``ground``. Only ``apilist`` and ``update`` look at torch; who wants to know a name reads the list.
"""
