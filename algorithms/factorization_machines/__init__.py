"""Factorization machines: Rendle (2010), trained with lazy Adam (Kingma & Ba 2015) as MXNet has it."""

from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines as ALGORITHM
from wildsage.algorithms.factorization_machines.conformance import CASE

__all__ = ["ALGORITHM", "CASE"]
