"""WS-Management as WinRM speaks it: HTTP, authentication, SOAP, operations, shells, faults."""
