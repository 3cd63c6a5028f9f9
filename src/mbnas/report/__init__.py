"""The outputs for people: the HTML page, tables, charts, drawings and figures."""
