"""The ministry node: registry, directory, library of record, supervision."""
