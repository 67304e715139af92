"""One file format a module: what its columns are, and how it is read or converted to Parquet."""
