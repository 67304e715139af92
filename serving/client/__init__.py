"""Clients of a model server, sync and async: REST and gRPC with the same calls and the same errors.

    from serving import client

    with client.RestClient("http://localhost:8501") as recommender:
        for recommendation in recommender.recommend("shop", query_ids=["u1"])[0]:
            print(recommendation.candidate_id, recommendation.score)

    async with client.AsyncGrpcClient("localhost:8500", timeout_seconds=2.0) as recommender:
        print(await recommender.recommend("shop", query_ids=["u1"], k=3))

The REST clients never load TensorFlow. The gRPC clients load it when one is made, because
the messages of the protocol live in TensorFlow's package.
"""

from serving.client.async_grpc_client import AsyncGrpcClient
from serving.client.async_model_client import AsyncModelClient
from serving.client.async_rest_client import AsyncRestClient
from serving.client.grpc_client import GrpcClient
from serving.client.model_client import ModelClient
from serving.client.model_info import ModelMetadata, ModelVersionStatus, Signature, TensorSpec
from serving.client.recommendation import Recommendation
from serving.client.rest_client import RestClient
from serving.client.retries import Retries
from serving.client.scored_class import ScoredClass

__all__ = [
    "AsyncGrpcClient",
    "AsyncModelClient",
    "AsyncRestClient",
    "GrpcClient",
    "ModelClient",
    "ModelMetadata",
    "ModelVersionStatus",
    "Recommendation",
    "RestClient",
    "Retries",
    "ScoredClass",
    "Signature",
    "TensorSpec",
]
