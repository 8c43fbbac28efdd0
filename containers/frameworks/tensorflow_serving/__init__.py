"""SavedModels behind the REST API of TensorFlow Serving, as Amazon's TensorFlow inference image answers; the package `tensorflow`
computes in place of the server's program.

Source: contract script-mode, section 5; tensorflowServing.js, serve.py and python_service.py of
aws/sagemaker-tensorflow-serving-container; json_tensor.cc and http_rest_api_handler.cc of tensorflow/serving.
"""
