"""A run's report and records -> report.html, which opens from disk without a server."""
