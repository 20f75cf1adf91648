"""Pages run here: a warm parent forks a process for each page, which runs its blocks and reports what each did.

Imports ``ground``, ``names`` and ``source``. The data that go in and come out stand in ``job``. Nothing here judges.
"""
