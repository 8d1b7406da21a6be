"""Hyper-V of a machine: VMs, their settings, their guests and checkpoints, and the services that manage them."""
