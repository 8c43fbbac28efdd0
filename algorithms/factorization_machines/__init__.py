"""Factorization machines: Rendle (2010), trained with lazy Adam (Kingma & Ba 2015) as MXNet has it."""
