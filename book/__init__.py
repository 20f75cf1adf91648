"""The engine of Runnable PyTorch: runs, records, compares, stages and indexes the book's code blocks."""
