"""Reports: claims, verdicts, tables, figures."""
