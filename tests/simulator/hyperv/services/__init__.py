"""Providers of Hyper-V, one file each; the machine finds every Service in them (machine/service.py)."""
