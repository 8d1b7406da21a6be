"""Providers of the simulated machine, one file each; every file here is found by itself.

A file may define
  CLASSES           names of the CIM classes whose methods it implements (derived classes are served too)
  request_state_change(call) …  one function per CIM method, in snake case. It gets a machine.Call and returns the
                    ReturnValue, or (ReturnValue, {output: value}); Refused and job results: see jobs.py
  install(machine)  called once for each machine: singletons, live properties, providers of rows, association rules
  install_vm(vm, spec)  called for each VM that is made, from the model or by DefineSystem
  remove_vm(vm)     called before a VM's rows go
  create_instance(machine, cls, values, user), put_instance(machine, row, values, user),
  delete_instance(machine, row, user)  WS-Transfer Create, Put, Delete
"""
