"""The public names of PyTorch: the list of them (apis.json), and how it is made from the installed torch.

Imports ``ground``. Only ``apilist`` and ``update`` look at torch; who wants to know a name reads the list.
"""
