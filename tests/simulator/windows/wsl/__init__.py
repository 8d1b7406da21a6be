"""The Windows Subsystem for Linux of a machine: package and service, distributions of users, and what runs in them."""
