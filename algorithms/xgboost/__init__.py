"""XGBoost: gradient boosted trees."""
