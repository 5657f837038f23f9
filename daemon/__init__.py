"""The service: everything with a clock, a socket, a disk or a database."""
