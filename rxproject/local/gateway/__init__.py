"""A local API Gateway with Lambda behind it, for development and tests: AWS's contract, real awslambdaric processes.

Must never be reachable from other machines, and never import Django: it knows nothing of what the function does.
"""
