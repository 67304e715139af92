"""A process that speaks the TensorFlow Serving API over gRPC and REST, with ScaNN's ops inside.

    python -m serving.server --model_name=movielens --model_base_path=models/movielens \
        --port=8500 --rest_api_port=8501
"""
