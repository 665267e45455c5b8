"""A Kubernetes Service, and clients that call it without pause while one server takes over from another."""

import asyncio
import collections
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import grpc
import requests

from model.protos import serving_pb2, tensor_pb2

Call = Callable[[], object]


class Service:
    """What kube-proxy does: a new connection goes to the server that counts now, and those that are open stay."""

    def __init__(self, host_and_port: str) -> None:
        self.target = host_and_port
        self._forwarding: set[asyncio.Task[None] | None] = set()  # asyncio itself keeps no hold of them
        self._started = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator["Service"]:
        thread = threading.Thread(target=asyncio.run, args=(self._main(),))
        thread.start()
        assert self._started.wait(20)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stopped.set)
            thread.join()

    async def _main(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(self._forward, "127.0.0.1", 0, backlog=512) as server:
            self.address = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]  # noqa: UP031
            self._started.set()
            await self._stopped.wait()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._forwarding.add(asyncio.current_task())
        host, port = self.target.split(":")
        try:
            onward_reader, onward = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_pump(reader, onward), _pump(onward_reader, writer))
        except asyncio.CancelledError:
            return
        finally:
            writer.close()
            onward.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


@dataclass
class Load:
    """Calls in threads until it is left. answered and failed by the kind of client."""

    answered: collections.Counter[str] = field(default_factory=collections.Counter)
    failed: dict[str, list[str]] = field(default_factory=lambda: collections.defaultdict(list))
    _threads: list[threading.Thread] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def client(self, kind: str, call: Call, *, pause_s: float = 0.0) -> None:
        self._threads.append(threading.Thread(target=self._run, args=(kind, call, pause_s)))

    def _run(self, kind: str, call: Call, pause_s: float) -> None:
        while not self._stopping.is_set():
            try:
                call()
                self.answered[kind] += 1
            except (requests.RequestException, grpc.RpcError) as error:
                self.failed[kind].append(f"{type(error).__name__}: {error}")
            self._stopping.wait(pause_s)

    @contextlib.contextmanager
    def running(self) -> Iterator["Load"]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join()

    def wait_for_more(self, count: int) -> None:
        """Until each kind of client has been answered `count` times more."""
        wanted = {kind: answered + count for kind, answered in list(self.answered.items())}
        deadline = time.monotonic() + 60
        while any(self.answered[kind] < number for kind, number in wanted.items()):
            assert time.monotonic() < deadline, (wanted, self.answered, self.failed)
            time.sleep(0.02)


def on_a_kept_connection(address: str) -> Call:
    session = requests.Session()
    session.trust_env = False
    return lambda: _post(session, address)


def on_new_connections(address: str) -> Call:
    def call() -> None:
        with requests.Session() as session:
            session.trust_env = False
            _post(session, address)

    return call


def _post(session: requests.Session, address: str) -> None:
    url = f"http://{address}/v1/models/half_plus_two:predict"
    session.post(url, json={"instances": [1.0, 2.0, 5.0]}, timeout=20).raise_for_status()


def on_a_channel(address: str) -> Call:
    # Channels of one process share connections to the same address unless they are told not to.
    channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
    stub = channel.unary_unary(
        "/tensorflow.serving.PredictionService/Predict",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=serving_pb2.PredictResponse.FromString,
    )
    tensor = tensor_pb2.Tensor(dtype=1, float_val=[1, 2, 5])
    tensor.tensor_shape.dim.add(size=3)
    request = serving_pb2.PredictRequest(model_spec=serving_pb2.ModelSpec(name="half_plus_two"), inputs={"x": tensor})
    return lambda: stub(request, timeout=20)
