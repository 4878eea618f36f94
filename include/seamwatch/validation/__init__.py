"""Great Expectations: suites from JSON, run on the database itself."""
