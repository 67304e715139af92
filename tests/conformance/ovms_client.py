"""Asks a server with ovmsclient as its documentation says, and prints what came back as JSON.

    python ovms_client.py GRPC_TARGET REST_TARGET

It runs in an environment of its own, which holds ovmsclient and nothing of this project.
"""

import json
import sys

import numpy as np
import ovmsclient


def ask(client, version: int) -> dict:
    """Returns what each call of a client answers."""
    x = {"x": np.array([[1.0], [5.0]], np.float32)}
    return {
        "status": client.get_model_status("half_plus_two", version),
        "metadata": client.get_model_metadata("half_plus_two", version),
        "predict": client.predict(x, "half_plus_two", version).tolist(),
        "wrong input": _refusal(client, {"z": x["x"]}, "half_plus_two", version),
        "wrong model": _refusal(client, x, "absent", version),
        # What the client calls the default version is a version like any other to TensorFlow Serving.
        "version 0": _refusal(client, x, "half_plus_two", 0),
    }


def ask_for_candidates(client) -> list[str]:
    """Returns the recommended ids: an input of strings, several outputs, inputs that are left out."""
    answer = client.predict({"query_id": np.array([b"shopper-1"])}, "recommender", 1)
    return [each.decode() for each in answer["candidate_ids"][0]]


def _refusal(client, inputs: dict, model_name: str, version: int) -> list[str]:
    try:
        return ["no error", str(client.predict(inputs, model_name, version))]
    except ovmsclient.ModelServerError as error:
        return [type(error).__name__, str(error)]


def main() -> None:
    """Asks over both protocols."""
    grpc_target, rest_target = sys.argv[1:]
    over_grpc = ovmsclient.make_grpc_client(grpc_target)
    answers = {
        "grpc": ask(over_grpc, 123),
        "http": ask(ovmsclient.make_http_client(rest_target), 123),
        "candidates": ask_for_candidates(over_grpc),
    }
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
