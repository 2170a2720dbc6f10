"""One module per group of commands: read arguments, call the server, show the answer."""
