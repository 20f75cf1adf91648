import sys

from book.cli import run

sys.exit(run())
