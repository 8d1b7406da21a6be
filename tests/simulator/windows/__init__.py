"""Windows of a machine: programs and the providers that are not Hyper-V's."""
