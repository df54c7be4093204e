"""Runs all servers interleaved through the same scenarios and writes one table."""
