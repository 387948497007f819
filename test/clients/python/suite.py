"""A client in Python: grpcio, with code that grpcio-tools made from the contract."""

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable

import grpc
from google.protobuf import descriptor_pool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from gateway_log import expect_call
from sluice.v1 import attempt_pb2, attribution_pb2, chat_pb2, gateway_service_pb2, gateway_service_pb2_grpc, prompt_pb2
from sluice.v1 import usage_pb2

TEXT = os.environ["CLIENTS_TEXT"]
USAGE = usage_pb2.Usage(
    input_tokens=int(os.environ["CLIENTS_INPUT_TOKENS"]),
    cache_read_tokens=0,
    output_tokens=int(os.environ["CLIENTS_OUTPUT_TOKENS"]),
    reasoning_tokens=0,
    input_audio_tokens=0,
    output_audio_tokens=0,
)
SLOW_MODEL = os.environ["CLIENTS_SLOW_MODEL"]
PAUSED_MODEL = os.environ["CLIENTS_PAUSED_MODEL"]

# Calls that nothing should end in time end then.
LONG_S = 10.0

# A deadline of 500 ms, by the clock of a client on a busy machine. The gateway is held to 750 ms by its own.
HALF_SECOND = (490, 1000)

channel = grpc.insecure_channel(os.environ["CLIENTS_GRPC"])
gateway = gateway_service_pb2_grpc.GatewayServiceStub(channel)

checks: dict[str, Callable[[], None]] = {}


def check(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def add(function: Callable[[], None]) -> Callable[[], None]:
        checks[name] = function
        return function

    return add


def ask(kind: type, model: str, feature: str):
    """A request, of the kind for whole or for streamed answers: they hold the same."""
    message = chat_pb2.Message(role=chat_pb2.ROLE_USER, parts=[chat_pb2.Part(text=TEXT)])
    return kind(
        attribution=attribution_pb2.Attribution(feature=feature),
        prompt=prompt_pb2.Prompt(model=model, messages=[message]),
    )


def ask_complete(model: str, feature: str) -> gateway_service_pb2.CompleteRequest:
    return ask(gateway_service_pb2.CompleteRequest, model, feature)


def ask_stream(model: str, feature: str) -> gateway_service_pb2.StreamRequest:
    return ask(gateway_service_pb2.StreamRequest, model, feature)


def request_id_of(metadata: Iterable[tuple[str, str]]) -> str:
    return dict(metadata)["sluice-request-id"]


def check_completes(feature: str) -> None:
    answer, call = gateway.Complete.with_call(ask_complete("simulator/echo", feature), timeout=LONG_S)
    assert [part.text for part in answer.parts] == [TEXT], answer
    check_ending(answer, request_id_of(call.initial_metadata()))


def check_ending(
    ending: gateway_service_pb2.CompleteResponse | gateway_service_pb2.StreamEnd, header_request_id: str
) -> None:
    """What an answer of the simulator's model `echo` says besides its text."""
    assert len(header_request_id) == 36, header_request_id
    assert ending.request_id == header_request_id, (ending.request_id, header_request_id)
    assert ending.finish_reason == chat_pb2.FINISH_REASON_STOP, ending
    assert ending.provider_finish_reason == "stop", ending
    assert ending.usage == USAGE, ending
    assert (ending.provider, ending.model) == ("simulator", "echo"), ending
    tried = [(attempt.outcome, attempt.upstream_status) for attempt in ending.attempts]
    assert tried == [(attempt_pb2.ATTEMPT_OUTCOME_SUCCEEDED, 200)], ending


def check_sequence(events: list[gateway_service_pb2.StreamResponse]) -> None:
    assert [event.sequence for event in events] == list(range(1, len(events) + 1)), events


def check_begun(events: list[gateway_service_pb2.StreamResponse]) -> None:
    """A stream that was left, or broke off, after something of its answer was shown."""
    check_sequence(events)
    kinds = [event.WhichOneof("event") for event in events]
    assert len(kinds) > 2, kinds
    assert kinds == ["start", "block_start"] + ["block_delta"] * (len(kinds) - 2), kinds


def check_took(started_at: float, least_ms: float, most_ms: float) -> None:
    took_ms = (time.monotonic() - started_at) * 1000
    assert least_ms <= took_ms <= most_ms, f"it took {took_ms:.0f} ms, not {least_ms} to {most_ms} ms"


def failure_of(call: Callable[[], object]) -> grpc.RpcError:
    try:
        answer = call()
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"it did not fail, but answered {answer}")


def unpack(error: grpc.RpcError, kind: type):
    """A detail of a failure; None where the client ended the call before the gateway's word came."""
    status = rpc_status.from_call(error)
    if status is None:
        return None
    for detail in status.details:
        found = kind()
        if detail.Unpack(found):
            return found
    raise AssertionError(f"no {kind.DESCRIPTOR.full_name} among {status.details}")


def check_error_info(info: error_details_pb2.ErrorInfo | None, reason: str) -> None:
    assert info is not None, "there are no details"
    assert (info.reason, info.domain) == (reason, "sluice"), info


@check("completes")
def completes() -> None:
    check_completes("python-complete")


@check("streams")
def streams() -> None:
    call = gateway.Stream(ask_stream("simulator/echo", "python-stream"), timeout=LONG_S)
    events = list(call)
    assert call.code() == grpc.StatusCode.OK, call.code()
    check_sequence(events)
    kinds = [event.WhichOneof("event") for event in events]
    deltas = kinds.count("block_delta")
    assert deltas > 1, kinds
    assert kinds == ["start", "block_start"] + ["block_delta"] * deltas + ["block_end", "end"], kinds
    header_request_id = request_id_of(call.initial_metadata())
    start = events[0].start
    assert (start.request_id, start.provider, start.model) == (header_request_id, "simulator", "echo"), start
    assert events[1].block_start.WhichOneof("block") == "text", events[1]
    assert "".join(event.block_delta.text for event in events) == TEXT, events
    check_ending(events[-1].end, header_request_id)


@check("cancels upstream work, and the next call works")
def cancels() -> None:
    feature = "python-cancel"
    events: list[gateway_service_pb2.StreamResponse] = []
    cancelled_at = 0.0
    call = gateway.Stream(ask_stream(PAUSED_MODEL, feature), timeout=LONG_S)

    def read() -> None:
        nonlocal cancelled_at
        for event in call:
            events.append(event)
            if event.WhichOneof("event") == "block_delta" and cancelled_at == 0:
                cancelled_at = time.monotonic()
                call.cancel()

    error = failure_of(read)
    assert error.code() == grpc.StatusCode.CANCELLED, error
    check_took(cancelled_at, 0, 3000)
    check_begun(events)
    line = expect_call(feature, ("cancelled",), LONG_S * 1000)
    check_took(cancelled_at, 0, 3000)
    assert line["reason"] == "CANCELLED", line
    check_completes(f"{feature}-next")


@check("meets a deadline")
def meets_deadline() -> None:
    feature = "python-deadline"
    request = ask_complete("simulator/fault.no-response", feature)
    started_at = time.monotonic()
    error = failure_of(lambda: gateway.Complete(request, timeout=0.5))
    check_took(started_at, *HALF_SECOND)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    # This client has a timer of its own; whose is first decides who says it, and what the gateway calls it.
    info = unpack(error, error_details_pb2.ErrorInfo)
    if info is not None:
        check_error_info(info, "DEADLINE_EXCEEDED")
    expect_call(feature, ("failed", "cancelled"), 750)


@check("meets a deadline in a stream")
def meets_deadline_in_a_stream() -> None:
    feature = "python-stream-deadline"
    events: list[gateway_service_pb2.StreamResponse] = []
    started_at = time.monotonic()
    error = failure_of(lambda: events.extend(gateway.Stream(ask_stream(SLOW_MODEL, feature), timeout=0.5)))
    check_took(started_at, *HALF_SECOND)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    check_begun(events)
    expect_call(feature, ("failed", "cancelled"), 750)


@check("says why for a model that nobody serves")
def explains_an_unknown_model() -> None:
    error = failure_of(lambda: gateway.Complete(ask_complete("nobody/echo", "python-unknown"), timeout=LONG_S))
    assert error.code() == grpc.StatusCode.NOT_FOUND, error
    info = unpack(error, error_details_pb2.ErrorInfo)
    check_error_info(info, "MODEL_NOT_FOUND")
    assert info.metadata["request_id"] == request_id_of(error.initial_metadata()), info
    failure = unpack(error, attempt_pb2.CallFailure)
    assert failure.request_id == info.metadata["request_id"], failure


@check("names the field that is wrong")
def names_the_wrong_field() -> None:
    request = ask_complete("simulator/echo", "Not A Feature")
    error = failure_of(lambda: gateway.Complete(request, timeout=LONG_S))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    check_error_info(unpack(error, error_details_pb2.ErrorInfo), "INVALID_REQUEST")
    violations = unpack(error, error_details_pb2.BadRequest).field_violations
    assert [violation.field for violation in violations] == ["attribution.feature"], violations


@check("checks health")
def checks_health() -> None:
    request = health_pb2.HealthCheckRequest(service="sluice.v1.GatewayService")
    answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=LONG_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING, answer


@check("finds the contract by reflection")
def reflects() -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert "sluice.v1.GatewayService" in database.get_services(), database.get_services()
    service = descriptor_pool.DescriptorPool(database).FindServiceByName("sluice.v1.GatewayService")
    methods = [(method.name, method.output_type.full_name) for method in service.methods]
    expected = [("Complete", "sluice.v1.CompleteResponse"), ("Stream", "sluice.v1.StreamResponse")]
    assert methods == expected, methods


def main() -> int:
    failed = 0
    for name, run in checks.items():
        try:
            run()
            print(f"ok     python: {name}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED python: {name}")
            print("".join(f"       {line}\n" for line in traceback.format_exc().splitlines()), end="", flush=True)
    channel.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
