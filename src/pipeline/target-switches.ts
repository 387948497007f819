import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import { type Target, targetName } from "../provider/upstream.ts";

/** What an operator said of a target; undefined is what was not said. */
export interface TargetChange {
  readonly takenOut?: boolean | undefined;
  /** In place of the configured one, for strategy `weighted`. */
  readonly weight?: number | undefined;
}

/** What of a route an operator can change. */
interface Choosable {
  readonly targets: readonly Target[];
  readonly weights: ReadonlyMap<string, number> | undefined;
  readonly shadow: { readonly target: Target } | undefined;
}

/** What operators changed about targets since the configuration was read. Targets by name, `provider/model`. */
export class TargetSwitches {
  readonly #changes = new Map<string, TargetChange>();

  /** Names of the targets about which something was said. */
  get names(): readonly string[] {
    return [...this.#changes.keys()];
  }

  of(target: string): TargetChange {
    return this.#changes.get(target) ?? {};
  }

  /** What `change` leaves undefined stays as it is. */
  set(target: string, { takenOut, weight }: TargetChange): void {
    const before = this.of(target);
    this.#changes.set(target, { takenOut: takenOut ?? before.takenOut, weight: weight ?? before.weight });
  }

  /** A route without what was taken out, and with the weights that were set. Throws as `spare` does. */
  apply<R extends Choosable>(model: string, route: R): R {
    if (this.#changes.size === 0) return route;
    const { shadow } = route;
    const isOut = shadow !== undefined && this.of(targetName(shadow.target)).takenOut === true;
    return {
      ...route,
      targets: this.spare(model, route.targets),
      weights: this.#reweigh(route),
      shadow: isOut ? undefined : shadow,
    };
  }

  #reweigh({ targets, weights }: Choosable): ReadonlyMap<string, number> | undefined {
    const names = targets.map(targetName);
    if (names.every((name) => this.of(name).weight === undefined)) return weights;
    // Without any weights all are alike.
    return new Map(
      names.map((name) => [name, this.of(name).weight ?? (weights === undefined ? 1 : (weights.get(name) ?? 0))]),
    );
  }

  /** Those that calls of a model may still go to. Throws `TARGETS_TAKEN_OUT` where none is left. */
  spare(model: string, targets: readonly Target[]): readonly Target[] {
    if (this.#changes.size === 0) return targets;
    const left = targets.filter((target) => this.of(targetName(target)).takenOut !== true);
    if (left.length > 0 || targets.length === 0) return left;
    const names = targets.map(targetName).join(", ");
    throw new GatewayError(
      ErrorReason.TARGETS_TAKEN_OUT,
      `All targets of ${JSON.stringify(model.slice(0, 128))} were taken out by an operator: ${names}. Use another model, or have one put back.`,
    );
  }
}
