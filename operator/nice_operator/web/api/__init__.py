"""``/api/v1``: what page, command line and programs call. JSON in, JSON or server-sent events out."""
