"""Documents -> page images and crops for a report, and where on a page a value stands."""
