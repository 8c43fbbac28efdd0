"""What scripts use of aws/sagemaker-xgboost-container."""
