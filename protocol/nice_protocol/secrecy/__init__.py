"""What counts as a secret by its looks: names, shapes of values, members of JSON.

Here is only what can be told without knowing any secret. Values that are known are the worker's business.
"""
