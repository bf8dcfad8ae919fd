"""Table files for the command line: CSV, gzipped CSV and Parquet, in and out."""
