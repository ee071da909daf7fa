"""What the peers of `calr bench` share: measuring in alternation with calr.

calr starts PYTHON SCRIPT.py '{"batch": 32, "threads": 2, ...}'. The script calls serve(name, prepare): prepare(options)
makes everything that is not timed, warms up and returns the function that does the work once. Each line "run" on the
standard input does the work once, "run 5" five times in a row, "run 5 0.3" after 0.3 s of the same, which are not timed.
The answer is one line of JSON, {"name":, "seconds": [all times so far, the mean where it ran several times], "peak_mb":
the largest resident size since before prepare, less the size then}. A script that answers no lines but prints one such
line and ends is fine, too; it is then not measured in alternation.
"""
import json
import os
import sys
import time


def status(field):
    """A line of /proc/self/status in MB."""
    with open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    return 0.0


def forget_peak():
    """Lets VmHWM start anew from the size of now."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def options():
    global measures_cpu
    given = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    measures_cpu = bool(given.get("cpu"))
    os.environ.setdefault("OMP_NUM_THREADS", str(given.get("threads", 1)))
    return given


def best_blas():
    """OpenBLAS takes processors newer than itself for old ones. Call it before NumPy and faiss are loaded: peers are
    to run at their best."""
    with open("/proc/cpuinfo") as lines:
        features = next((line.split() for line in lines if line.startswith("flags")), [])
    if "avx512vl" in features and "avx512bw" in features:
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    elif "avx2" in features:
        os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")


def clock():
    """Seconds, for differences: of processor time with `calr bench --cpu`."""
    return time.process_time() if measures_cpu else time.perf_counter()


measures_cpu = False


def answer(name, seconds, base, found):
    print(json.dumps({"name": name, "seconds": seconds, "peak_mb": max(0.0, status("VmHWM") - base), **found}),
          flush=True)


def settle(seconds, work):
    """Does the work for so long before it is timed: see lua/calr/lab/bench/frame/settle.lua."""
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        work()


def timed(work):
    """The seconds that work takes; it may time itself, when part of what it does is not to count."""
    began = clock()
    took = work()
    return took if isinstance(took, float) else clock() - began


def serve(name, prepare, found=dict):
    """name: text, or a function that is called after prepare. found: a function that returns what else to tell, by
    name: what came out, to be compared."""
    given = options()
    forget_peak()
    base = status("VmRSS")
    work = prepare(given)
    title = name() if callable(name) else name
    seconds = []
    answer(title, seconds, base, found())
    for line in sys.stdin:
        words = line.split()
        if words and words[0] == "run":
            calls = int(words[1]) if len(words) > 1 else 1
            settle(float(words[2]) if len(words) > 2 else 0, lambda: timed(work))
            seconds.append(sum(timed(work) for _ in range(calls)) / calls)
            answer(title, seconds, base, found())
