"""python -m tests.ray_cluster: a cluster of three nodes on this machine, for tests and for
tools/bench_ray.py; its address is printed, `kill` on standard input ends its last node at once, the
end of the input ends all.

Ray is in an environment of its own, made once in cache/engines/ray (620 MB, two minutes). Where it
cannot be had, tests that want it skip and say why.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

VERSION = "2.60.0"
PROJECT = Path(__file__).parents[1]
ENVIRONMENT = PROJECT / "cache" / "engines" / "ray"
INSTALL_SECONDS = 600
NODES, STORE_BYTES = 3, 120 * 2**20
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}


def make_environment() -> Path:
    """The interpreter that has Ray, and all that this one has. Skips where it cannot be made."""
    python, finished = ENVIRONMENT / "bin" / "python", ENVIRONMENT / f".ray-{VERSION}"
    if not finished.exists():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install"]
        installed = subprocess.run(
            [*pip, f"ray[data]=={VERSION}", "pyarrow", "fsspec"],
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
        )
        if installed.returncode:
            pytest.skip(f"Ray {VERSION} cannot be installed here: {installed.stderr[-300:]}")
        finished.touch()
    (site,) = ENVIRONMENT.glob("lib/python3*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "here.pth").write_text("\n".join([str(PROJECT), *here]))
    return python


class Cluster:
    """A cluster in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", address: str) -> None:
        self._process, self.address = process, address

    def kill_node(self) -> None:
        """Ends one node as a power failure would; returns when it is gone."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("kill\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline().strip() == "killed"


@contextlib.contextmanager
def start_cluster(python: Path) -> Iterator[Cluster]:
    """Nodes with a processor each, ended with all their processes."""
    command = [str(python), "-m", "tests.ray_cluster"]
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, **QUIET},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            address = process.stdout.readline().strip()
            assert address.startswith("127.0.0.2:"), address
            yield Cluster(process, address)
        finally:
            process.stdin.close()
            process.wait(timeout=60)


def main() -> None:
    """Serves one cluster until standard input ends."""
    from ray.cluster_utils import Cluster as Nodes

    settings = {
        "num_cpus": 1,
        "object_store_memory": STORE_BYTES,
        "node_ip_address": "127.0.0.2",  # of 127.0.0.1 Ray makes the machine's own address
        "include_dashboard": False,
    }
    nodes = Nodes(initialize_head=True, head_node_args=settings)
    others = [nodes.add_node(**settings) for _ in range(NODES - 1)]
    nodes.wait_for_nodes()
    print(nodes.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "kill":
            nodes.remove_node(others.pop(), allow_graceful=False)
            print("killed", flush=True)
    nodes.shutdown()


if __name__ == "__main__":
    main()
