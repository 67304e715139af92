"""How the model is found and called: index, export, server, client.

Importing this package selects Keras 2, and therefore has to come before
`import tensorflow`; it does not load TensorFlow itself.
"""

from tfrs_model import keras_backend as _keras_backend

_keras_backend.select_keras_2()
