"""The CIM repository: values, schema, instances and associations."""
