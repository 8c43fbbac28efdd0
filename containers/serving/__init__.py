"""Hosting: the contract's HTTP routes around a model."""
