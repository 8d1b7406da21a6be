"""Providers of Windows, one file each (form: hyperv/services/__init__.py)."""
