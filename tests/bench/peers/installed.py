"""Imports every peer that requirements.txt names, says its version, and fails naming those that cannot be used."""
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

# Where the name of the module is not that of the package.
MODULES = {"pillow": "PIL", "faiss-cpu": "faiss", "scikit-learn": "sklearn", "scikit-learn-intelex": "sklearnex",
           "fast-hdbscan": "fast_hdbscan", "opentsne": "openTSNE"}


def complaint(package):
    """Why it cannot be imported; None if it can. A process each: some bring libraries of one name with them."""
    run = subprocess.run([sys.executable, "-c", "import " + MODULES.get(package, package)], capture_output=True,
                         text=True)
    return run.returncode and (run.stderr.strip().splitlines() or ["it ended with %d" % run.returncode])[-1]


def main():
    broken = []
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "requirements.txt")) as lines:
        packages = [line.split("==")[0] for line in lines if "==" in line]
    for package in packages:
        why = complaint(package)
        try:
            print("%-22s %s" % (package, "cannot be used: " + why if why else version(package)), flush=True)
        except PackageNotFoundError as error:
            why = error
        if why:
            broken.append(package)
    if broken:
        sys.exit("missing: " + ", ".join(broken))


if __name__ == "__main__":
    main()
