"""The operator: reads tasks, fires schedules, hands runs to workers, serves page and API.

Layers, from the top: ``__main__`` → ``bootstrap`` → ``settings`` → adapters (``folder``, ``web``,
``store``, ``lease``, ``logs``) → ``engine`` | ``resources`` → ``ports`` → ``domain``.
Imports only point down; ``.importlinter`` proves it.
"""
