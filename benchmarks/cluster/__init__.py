"""The figures of the product on a real cluster, made as ``make e2e`` makes it. Not part of any test."""
