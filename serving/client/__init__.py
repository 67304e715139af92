"""Clients of a model server: REST and gRPC with the same calls and the same errors.

    from serving import client

    with client.RestClient("http://localhost:8501") as recommender:
        for recommendation in recommender.recommend("movielens", query_ids=["196"])[0]:
            print(recommendation.candidate_id, recommendation.score)

`RestClient` never loads TensorFlow. `GrpcClient` loads it when one is made, because
the messages of the protocol live in TensorFlow's package.
"""

from serving.client.grpc_client import GrpcClient
from serving.client.model_client import ModelClient
from serving.client.model_info import ModelMetadata, ModelVersionStatus, Signature, TensorSpec
from serving.client.recommendation import Recommendation
from serving.client.rest_client import RestClient

__all__ = [
    "GrpcClient",
    "ModelClient",
    "ModelMetadata",
    "ModelVersionStatus",
    "Recommendation",
    "RestClient",
    "Signature",
    "TensorSpec",
]
