"""The pages, rendered on the server. Not here: decisions, and anything a script alone could do."""
