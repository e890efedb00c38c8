"""One self-contained page with every result: tables, charts, and a gallery of masks."""
