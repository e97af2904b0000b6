"""Claims, verdicts, tables, figures."""
