"""A Windows machine: requests, accounts, files, disks, network, jobs and time."""
