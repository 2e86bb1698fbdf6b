"""What answers from outside: where a model comes from, the HTTP server, the page.

Imports ranking, tracking, reports, and of training what reads a model from disk; knows nothing of params.yaml.
"""
