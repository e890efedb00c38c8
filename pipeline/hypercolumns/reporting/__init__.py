"""One self-contained page with all results: tables, charts and pictures."""
