"""report.json and records -> what people and machines read: a page, a document, a wiki's form,
tables, a terminal.

Figures come ready from `analysis` and words from `decision`; here they are only laid out. No names
are re-exported: they would bring numpy and Jinja2 to pytest's collection.
"""
