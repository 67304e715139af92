"""TensorFlow's C API by ctypes, from the tensorflow package but without importing it."""

import ctypes
import importlib.util
import os
import pathlib

from serving import errors


class Buffer(ctypes.Structure):
    """TF_Buffer."""

    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("data_deallocator", ctypes.c_void_p)]


class Output(ctypes.Structure):
    """TF_Output: an endpoint of a graph."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class TensorFlowCApi:
    """TensorFlow's C API, loaded from the tensorflow package without importing it."""

    def __init__(self, op_library: str | None):
        tensorflow_dir = package_dir("tensorflow")
        ctypes.CDLL(str(tensorflow_dir / "libtensorflow_framework.so.2"), mode=ctypes.RTLD_GLOBAL)
        self.tf = ctypes.CDLL(str(tensorflow_dir / "libtensorflow_cc.so.2"), mode=ctypes.RTLD_GLOBAL)
        _declare_functions(self.tf)
        if op_library:
            self.call("TF_LoadLibrary", os.fsencode(op_library))

    def call(self, function_name: str, *args: object) -> int | None:
        """Calls a function whose last argument is a TF_Status; raises if the status is not OK."""
        status = self.tf.TF_NewStatus()
        try:
            result = getattr(self.tf, function_name)(*args, status)
            code = self.tf.TF_GetCode(status)
            if code:
                raise errors.error_from_code(code, self.tf.TF_Message(status).decode("utf-8", "replace"))
            return result
        finally:
            self.tf.TF_DeleteStatus(status)


def package_dir(package: str) -> pathlib.Path:
    """Returns the folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise errors.NotFoundError(f"The {package} package is not installed; install it to use the C API loader.")
    return pathlib.Path(spec.submodule_search_locations[0])


def _declare_functions(tf: ctypes.CDLL) -> None:
    """Sets result and argument types; without them ctypes would cut pointers to 32 bits."""
    pointer, size, integer, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_char_p
    buffer = ctypes.POINTER(Buffer)
    load_arguments = [pointer, buffer, text, pointer, integer, pointer, buffer, pointer]
    run_arguments = [pointer, buffer, *[pointer, pointer, integer] * 2, pointer, integer, buffer, pointer]
    for name, result, arguments in (
        ("TF_NewStatus", pointer, []),
        ("TF_DeleteStatus", None, [pointer]),
        ("TF_GetCode", integer, [pointer]),
        ("TF_Message", text, [pointer]),
        ("TF_NewBuffer", buffer, []),
        ("TF_DeleteBuffer", None, [buffer]),
        ("TF_NewGraph", pointer, []),
        ("TF_DeleteGraph", None, [pointer]),
        ("TF_NewSessionOptions", pointer, []),
        ("TF_DeleteSessionOptions", None, [pointer]),
        ("TF_LoadLibrary", pointer, [text, pointer]),
        ("TF_LoadSessionFromSavedModel", pointer, load_arguments),
        ("TF_GraphOperationByName", pointer, [pointer, text]),
        ("TF_SessionRun", None, run_arguments),
        ("TF_CloseSession", None, [pointer, pointer]),
        ("TF_DeleteSession", None, [pointer, pointer]),
        ("TF_AllocateTensor", pointer, [integer, pointer, integer, size]),
        ("TF_DeleteTensor", None, [pointer]),
        ("TF_TensorData", pointer, [pointer]),
        ("TF_TensorByteSize", size, [pointer]),
        ("TF_TensorType", integer, [pointer]),
        ("TF_NumDims", integer, [pointer]),
        ("TF_Dim", ctypes.c_int64, [pointer, integer]),
        ("TF_StringInit", None, [pointer]),
        ("TF_StringCopy", None, [pointer, text, size]),
        ("TF_StringGetDataPointer", pointer, [pointer]),
        ("TF_StringGetSize", size, [pointer]),
    ):
        function = getattr(tf, name)
        function.restype, function.argtypes = result, arguments
