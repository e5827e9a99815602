"""What the pages share: safe text, tables, charts, links and the board that is shown."""
