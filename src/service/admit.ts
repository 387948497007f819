import type { DescMethod } from "@bufbuild/protobuf";
import type { CallBase } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { ErrorReason, type Handling } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { Delivery } from "../domain/event.ts";
import type { Arrival, CallEnd, CallWatcher, Operation, Admission as Watched } from "../domain/watch.ts";
import type { Admission } from "../pipeline/admission.ts";
import { refusalOf } from "../pipeline/admit.ts";
import type { CallPlan } from "./call-plan.ts";
import type { CallRequest, Calls } from "./calls.ts";
import type { Caller, CallOwner, Gatekeeper, OnUnreadable, RpcContext } from "./context.ts";
import { lookedUp, rejection, unread } from "./rejection.ts";

/** What is the same for all RPCs of a method. */
interface Facts {
  /** Fully qualified. */
  readonly method: string;
  readonly delivery: Delivery;
  readonly operation: Operation;
}

/** A method by which calls come: how its requests are read. */
export interface Rpc<R extends CallRequest, A extends object> extends Facts {
  /** Throws a `GatewayError` for what is wrong with a request. */
  check(request: R): void;
  /** What a request asks for, checked or not. */
  readonly asked: (request: R) => Asked<A>;
}

interface Asked<A> {
  /** Empty where the request names none. */
  readonly model: string;
  /** Undefined for a request that lacks it, which `check` refuses. */
  readonly what: A | undefined;
}

export interface AdmitOptions {
  readonly calls: Calls;
  readonly admission: Admission;
  /** The plan for a call that comes now. */
  readonly plan: () => CallPlan;
  readonly watcher: CallWatcher;
  readonly clock: Clock;
}

/** A call that may run. `close` must be called, however it ends. */
interface Admitted<A> {
  readonly call: CallBase & A;
  readonly plan: CallPlan;
  readonly close: () => void;
}

/**
 * Lets the requests of all methods in, in the one way there is: seen from here on, checked, opened, and watched. The
 * call is made for `owner`: the RPC, unless it is to outlive that.
 */
export function createAdmit({ calls, admission, plan: currentPlan, watcher, clock }: AdmitOptions) {
  return <R extends CallRequest, A extends Omit<Watched, "attribution">>(
    rpc: Rpc<R, A>,
    request: R,
    context: RpcContext,
    owner: CallOwner = context,
  ): Admitted<A> => {
    const arrivedAt = clock.now();
    const watch = watcher.arrived(toArrival(rpc, context));
    try {
      // First of all: what a busy process does for calls that it refuses, others wait for.
      const refused = refusalOf(admission, request.handling?.priority, deadlineOf(arrivedAt, context));
      if (refused !== undefined) throw refused.toError();
      rpc.check(request);
      const { what } = rpc.asked(request);
      if (what === undefined) throw new GatewayError(ErrorReason.INTERNAL, "The request was not checked.");
      const plan = currentPlan();
      const { defaultDeadlineMs } = plan;
      const opening = { delivery: rpc.delivery, arrivedAt, defaultDeadlineMs, watch };
      const { call, close } = calls.open(request, what, opening, owner);
      plan.enter();
      watch.admitted(call);
      return {
        call,
        plan,
        close() {
          close();
          plan.leave();
        },
      };
    } catch (thrown) {
      const error = toGatewayError(thrown);
      watch.ended(toRejection(rpc, request, error, clock.now() - arrivedAt));
      throw error;
    }
  };
}

/** Reports a request that asked for no call of its own, and was refused. */
export function reportRefused<R extends CallRequest, A extends object>(
  { watcher }: Pick<AdmitOptions, "watcher">,
  rpc: Rpc<R, A>,
  request: R,
  context: RpcContext,
  error: GatewayError,
  latencyMs: number,
): void {
  watcher.arrived(toArrival(rpc, context)).ended(toRejection(rpc, request, error, latencyMs));
}

function toRejection<R extends CallRequest, A extends object>(
  rpc: Rpc<R, A>,
  request: R,
  error: GatewayError,
  latencyMs: number,
): CallEnd {
  return rejection(error, { attribution: request.attribution, model: rpc.asked(request).model }, latencyMs);
}

/** Answers what is no call, as it belongs to nobody and asks no upstream: at once, but seen like all others. */
export function createLookUp({ watcher, clock }: Pick<AdmitOptions, "watcher" | "clock">) {
  return <A>(facts: Facts, context: RpcContext, find: () => A): A => {
    const arrivedAt = clock.now();
    const watch = watcher.arrived(toArrival(facts, context));
    try {
      const found = find();
      watch.ended(lookedUp(clock.now() - arrivedAt));
      return found;
    } catch (thrown) {
      const error = toGatewayError(thrown);
      watch.ended(rejection(error, undefined, clock.now() - arrivedAt));
      throw error;
    }
  };
}

/** Reports requests that never reached their service, because they are none. */
export function reportUnreadable({ watcher }: Pick<AdmitOptions, "watcher">, operations: Operations): OnUnreadable {
  return (method, caller, error) => {
    watcher.arrived(toArrival(factsOf(method, operations), caller)).ended(rejection(error, undefined, 0));
  };
}

/** Without one of its own, a call has long enough. */
function deadlineOf(arrivedAt: number, { timeoutMs }: RpcContext): number {
  return timeoutMs === undefined ? Number.POSITIVE_INFINITY : arrivedAt + timeoutMs;
}

/** Knows which calls would be refused because there are too many. */
export function createGatekeeper(
  { admission, watcher }: Pick<AdmitOptions, "admission" | "watcher">,
  operations: Operations,
): Gatekeeper {
  return {
    get strict() {
      return admission.strict;
    },
    refusal: (priority, deadline) => refusalOf(admission, priority, deadline),
    turnedAway(method, latencyMs) {
      watcher.turnedAway({ system: "grpc", ...factsOf(method, operations) }, unread(ErrorReason.OVERLOADED, latencyMs));
    },
  };
}

/** What the methods of a service do, by their names. */
export type Operations = Readonly<Record<string, Operation>>;

export function factsOf(method: DescMethod, operations: Operations): Facts {
  return {
    method: `${method.parent.typeName}/${method.name}`,
    delivery: method.methodKind === "unary" ? "unary" : "stream",
    operation: operations[method.name] ?? "chat",
  };
}

function toArrival({ method, delivery, operation }: Facts, caller: Caller): Arrival {
  const traceparent = caller.header("traceparent");
  return {
    requestId: caller.requestId,
    system: caller.system,
    method,
    delivery,
    operation,
    traceparent,
    // Says nothing without the other one.
    tracestate: traceparent === undefined ? undefined : caller.header("tracestate"),
  };
}

/** A field of the contract whose behaviour does not exist yet. */
function notImplementedYet(field: string): GatewayError {
  return new GatewayError(ErrorReason.NOT_IMPLEMENTED, `${field}: this version does not do this yet; leave it unset.`, {
    violations: [{ field, description: "not implemented" }],
  });
}

/** Throws `NOT_IMPLEMENTED` for what is asked of a call that does not exist yet: refused, never ignored. */
export function checkHandling(handling: Handling | undefined): void {
  if (handling === undefined) return;
  for (const { field, asked } of notImplemented) if (asked(handling)) throw notImplementedYet(field);
}

/** As `checkHandling`, for what is no conversation: its target is the first that can. */
export function checkUnrouted(handling: Handling | undefined): void {
  checkHandling(handling);
  if (handling?.routing !== undefined) throw notImplementedYet("handling.routing");
}

const notImplemented: readonly { field: string; asked: (handling: Handling) => boolean }[] = [
  { field: "handling.idempotency_key", asked: ({ idempotencyKey }) => idempotencyKey !== "" },
];
