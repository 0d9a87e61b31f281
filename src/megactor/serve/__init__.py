"""The HTTP interface: `app` has its routes, `tokens` who may use it, `problems` what it says of a bad request.

It stands on `megactor.jobs`: what was accepted is on disk and will be done, whoever is killed.
"""
