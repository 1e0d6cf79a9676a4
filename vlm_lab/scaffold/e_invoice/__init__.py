"""E-invoices -> references: the XML that a PDF carries (ZUGFeRD, Factur-X), or that lies beside a
document, is read by the terms of EN 16931 and written in a suite's own keys.

What the XML does not have, or has in a form that is no value, is not labelled: never empty.
"""
