# Embeds images by onnxruntime. usage: onnxruntime.py FILE < images > version, newline, embeddings
import sys
import numpy
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
given = session.get_inputs()[0]
kind = numpy.uint8 if given.type == "tensor(uint8)" else numpy.float32
sys.stdout.buffer.write(onnxruntime.__version__.encode() + b"\n")
while True:
    head = sys.stdin.buffer.read(4 * len(given.shape))
    if not head:
        break
    dims = numpy.frombuffer(head, numpy.uint32).astype(int)
    values = sys.stdin.buffer.read(int(dims.prod()) * kind().itemsize)
    (embedding,) = session.run(None, {given.name: numpy.frombuffer(values, kind).reshape(dims)})
    sys.stdout.buffer.write(embedding.astype(numpy.float32).tobytes())
