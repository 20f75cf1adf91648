"""Pages, records and index become Markdown, and that the site: staging, generated pages, build, live server, offline copy.

Imports ``find``, ``record``, ``source``, ``names`` and ``ground``; neither ``run`` nor ``prove``, and no torch.
"""
