import numpy as np

from tfrs_model import history


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _step(embedding, state, kernel, recurrent_kernel, biases):
    """One step of a gated recurrent unit, from the formula (Cho et al., 2014, reset after the product)."""
    of_input = np.split(embedding @ kernel + biases[0], 3)
    of_state = np.split(state @ recurrent_kernel + biases[1], 3)
    update, reset = (_sigmoid(of_input[i] + of_state[i]) for i in (0, 1))
    candidate = np.tanh(of_input[2] + reset * of_state[2])
    return update * state + (1.0 - update) * candidate


def test_a_loop_of_its_own_gives_the_same_states():
    generator = np.random.default_rng(0)
    encoder = history.Gru(4, num_layers=2, seed=3)
    for weight in encoder.trainable_weights:
        weight.assign(generator.normal(scale=0.5, size=weight.shape))
    layers = np.array_split(
        np.array([weight.numpy().astype(np.float64) for weight in encoder.trainable_weights], object), 2
    )
    present = generator.random([3, 15]) < 0.6
    embeddings = generator.normal(size=[3, 15, 4]) * present[..., np.newaxis]
    states = encoder(embeddings.astype(np.float32), present).numpy()
    for row in range(3):
        carried = [np.zeros(4), np.zeros(4)]
        for n in range(15):
            if present[row, n]:
                carried[0] = _step(embeddings[row, n], carried[0], *layers[0])
                carried[1] = _step(carried[0], carried[1], *layers[1])
            np.testing.assert_allclose(states[row, n + 1], carried[1], atol=1e-6)
