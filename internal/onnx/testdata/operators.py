# Runs each model N.onnx of a folder, which takes nothing, and writes what it gives as float64 to N.out.
# usage: operators.py FOLDER
import glob
import sys
import numpy
import onnxruntime

for path in glob.glob(sys.argv[1] + "/*.onnx"):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    session.run(None, {})[0].astype(numpy.float64).tofile(path[:-5] + ".out")
