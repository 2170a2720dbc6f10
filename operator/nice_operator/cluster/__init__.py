"""Kubernetes outbound: what this product writes to the API server (worker pools, status, Events).

What it reads from there to act upon does not belong here: definitions come in through ``handlers``.
"""
