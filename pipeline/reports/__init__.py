"""Results of many runs as one report: leader board, improvements by group, cost table, plots.

Imports evaluation; takes and gives tables, knows neither MLflow nor params.yaml.
"""
