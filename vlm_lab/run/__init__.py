"""Options -> a plan of cases -> replies, records and, at the end, a report.

What pytest calls through plugin.py; only `options` knows pytest. No names are re-exported:
`finalize` brings numpy, which collection can do without.
"""
