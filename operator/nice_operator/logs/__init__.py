"""Logs that are kept outside the database: reading them. The worker writes them
(``nice_runner.logs``).

boto3 is imported only when a store is opened, so that whoever keeps logs in SQL neither needs nor
pays for it.
"""
