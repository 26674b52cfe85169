# Times networks for images of 224 pixels, 8 at a time, by onnxruntime on all CPUs.
# usage: onnxruntime_speed.py FILE.onnx...
import sys
import time

import numpy
import onnxruntime

x = numpy.random.default_rng(1).random((8, 3, 224, 224), dtype=numpy.float32)
for path in sys.argv[1:]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    session.run(None, {name: x})
    times = []
    while sum(times) < 3 or len(times) < 3:
        start = time.perf_counter()
        session.run(None, {name: x})
        times.append(time.perf_counter() - start)
    print(f"{path}: {8 / sorted(times)[len(times) // 2]:.1f} images/s, onnxruntime {onnxruntime.__version__}", flush=True)
