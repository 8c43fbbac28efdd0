"""The original's endpoint: its content types, its answers, its status codes [contract: xgboost, Serving]."""
