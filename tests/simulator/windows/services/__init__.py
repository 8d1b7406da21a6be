"""Providers of Windows, one file each; the machine finds every Service in them (machine/service.py)."""
