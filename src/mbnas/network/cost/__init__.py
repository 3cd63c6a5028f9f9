"""Costs of networks: parameters, multiply-accumulates, latency and memory."""
