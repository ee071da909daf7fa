"""Reads the ONNX files of cases.lua with onnxruntime and onnx, and writes golden.json: their structure, and the features
that onnxruntime computes. Ends with an error where these are not calr's to 1e-5.

    python3 -m venv venv && venv/bin/pip install onnxruntime onnx numpy
    venv/bin/python tests/reference/export/make.py build/calr
"""

import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

here = os.path.dirname(os.path.abspath(__file__))
program = os.path.abspath(sys.argv[1])
golden = {}
with tempfile.TemporaryDirectory() as folder:
    paths = os.path.join(here, "../../lua/?.lua") + ";;"
    subprocess.run([program, os.path.join(here, "files.lua")], check=True,
                   env=dict(os.environ, LUA_PATH=paths, EXPORT_FOLDER=folder))
    for file in sorted(os.listdir(folder)):
        name, ending = os.path.splitext(file)
        if ending != ".onnx":
            continue
        path = os.path.join(folder, file)
        onnx.checker.check_model(path, full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        images = numpy.load(os.path.join(folder, name + ".images.npy"))
        got = session.run(["features"], {"images": images})[0]
        one = session.run(["features"], {"images": images[:1]})[0]
        want = numpy.load(os.path.join(folder, name + ".npy"))
        worst = max(abs(got - want).max(), abs(one - want[:1]).max())
        print(f"{name}: {got.shape}, differs by {worst:.2g} at most")
        if not worst <= 1e-5:
            sys.exit(f"{name}: onnxruntime and calr differ")
        with open(os.path.join(folder, name + ".txt")) as text:
            structure = text.read()
        golden[name] = {"structure": structure, "features": [[float(f"{x:.7g}") for x in row] for row in got]}
with open(os.path.join(here, "golden.json"), "w") as out:
    out.write("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in golden.items()) + "\n}\n")
