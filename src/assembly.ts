import type { Config } from "./config/load.ts";
import type { ProviderSettings } from "./config/providers.ts";
import { isSame } from "./config/same.ts";
import type { Settings } from "./config/settings.ts";
import { createDirectory } from "./directory.ts";
import type { Call, Handler } from "./domain/call.ts";
import type { Clock, Random } from "./domain/clock.ts";
import { type Made, makeProvider } from "./made-provider.ts";
import type { CapabilityBook } from "./models/capability-book.ts";
import type { Packages } from "./packages.ts";
import { Accounts } from "./pipeline/account.ts";
import { admit, admitWhole, type Gates } from "./pipeline/admit.ts";
import { attempt } from "./pipeline/attempt.ts";
import { count } from "./pipeline/count.ts";
import { embed } from "./pipeline/embed.ts";
import { type HealthOptions, HealthRegistry, mayAsk } from "./pipeline/health.ts";
import { observe, observeWhole } from "./pipeline/observe.ts";
import { order } from "./pipeline/order.ts";
import { qualify } from "./pipeline/qualify.ts";
import { route } from "./pipeline/route.ts";
import { Shadows, shadow } from "./pipeline/shadow.ts";
import type { RoutedCall } from "./pipeline/stages.ts";
import { withOwnTimeouts } from "./pipeline/timeouts.ts";
import type { Prices } from "./prices.ts";
import type { UpstreamProvider } from "./provider/upstream.ts";
import { createRoutes, toHedging } from "./routes.ts";
import { outputClass } from "./routing/ewma.ts";
import type { CallPlan } from "./service/call-plan.ts";
import type { ModelDirectory } from "./service/model-service.ts";
import { Targets } from "./targets.ts";
import type { Log } from "./telemetry/log.ts";

/** What a configuration decides about calls. A reload changes it for the calls that come after. */
export interface Plan {
  /** What it was made of, as the file says it. */
  readonly config: Config;
  readonly settings: Settings;
  readonly providers: readonly ProviderSettings[];
  readonly packages: Packages;
  readonly models: Config["models"];
  readonly prices: Prices;
  readonly capabilities: CapabilityBook;
}

/** The stages and providers of one configuration. Those of the last one stay until its calls have ended. */
export class Assembly implements CallPlan {
  readonly handle: Handler<Call>;
  readonly embed: CallPlan["embed"];
  readonly count: CallPlan["count"];
  readonly defaultDeadlineMs: number;
  readonly providers: ReadonlyMap<string, UpstreamProvider>;
  readonly directory: ModelDirectory;
  readonly health: HealthRegistry;
  /** What operators say of them is forgotten with the configuration. */
  readonly targets: Targets;
  readonly #healthOptions: HealthOptions;
  readonly #made: ReadonlyMap<string, Made>;
  readonly #shadows: Shadows;
  #calls = 0;
  #whenLeft: (() => void) | undefined;

  /** Takes over the providers of `previous` that are configured as before, with their connections. */
  constructor(
    plan: Plan,
    { admission, slots }: Gates,
    clock: Clock,
    random: Random,
    log: Pick<Log, "warn">,
    previous?: Assembly,
  ) {
    const { settings, providers, models, prices, capabilities } = plan;
    this.#made = new Map(
      providers.map((given) => [
        given.name,
        makeProvider(given, plan, clock, log, previous === undefined ? undefined : previous.#made.get(given.name)),
      ]),
    );
    this.providers = new Map(Array.from(this.#made, ([name, { provider }]) => [name, provider]));
    this.directory = createDirectory({
      capabilities,
      prices,
      providers: [...this.providers.keys()],
      aliases: models,
      now: () => clock.wallNow(),
    });
    this.defaultDeadlineMs = settings.defaultDeadlineMs;
    this.#healthOptions = settings.health;
    this.health =
      this.#takeOverHealth(previous) ??
      new HealthRegistry(settings.health, clock, random, (target, { from, to, why }) => {
        log.warn({ target, from, to, why }, "breaker");
      });
    this.#shadows = previous === undefined ? new Shadows(clock) : previous.#shadows;
    const accounts = new Accounts(prices.book, clock);
    this.targets = new Targets({ models, providers: this.directory.providers, health: this.health, clock });
    const routes = createRoutes(models, this.providers, this.targets.switches);
    const asking = {
      slots,
      clock,
      random,
      health: this.health,
      hedging: toHedging(models, accounts, clock),
      retry: settings.retry,
      accounts,
      timeouts: withOwnTimeouts(
        {
          headersMs: settings.headersTimeoutMs,
          firstTokenMs: settings.firstTokenTimeoutMs,
          idleMs: settings.idleTimeoutMs,
          attemptMs: settings.attemptTimeoutMs,
        },
        providers,
      ),
    };
    const observed = observe<Call>(clock);
    const admitted = admit(admission, clock);
    const routed = route(routes, random);
    const qualified = qualify(capabilities);
    const ordered = order({
      clock,
      random,
      prices: prices.book,
      scoreOf: (target, maxOutputTokens) => this.health.of(target).latency.score(outputClass(maxOutputTokens)),
    });
    const attempted = attempt(asking);
    const shadowed = shadow({
      random,
      shadows: this.#shadows,
      handle: observe<RoutedCall>(clock)(attempted),
      mayAsk: (target) => mayAsk(this.health.of(target)),
      enter: () => this.enter(),
      leave: () => this.leave(),
    });
    this.handle = observed(admitted(routed(qualified(ordered(shadowed(attempted))))));
    const embedded = admitWhole(admission, clock, embed({ ...asking, routes }));
    this.embed = observeWhole(clock, ({ input }) => input.model, embedded);
    const counted = admitWhole(admission, clock, count({ ...asking, routes }));
    this.count = observeWhole(clock, ({ prompt }) => prompt.model, counted);
  }

  /** What is down stays down after a reload, unless it was another provider by then, or is judged by other rules now. */
  #takeOverHealth(previous: Assembly | undefined): HealthRegistry | undefined {
    if (previous === undefined || !isSame(previous.#healthOptions, this.#healthOptions)) return undefined;
    for (const [name, { provider }] of previous.#made) {
      if (this.#made.get(name)?.provider !== provider) previous.health.forget(name);
    }
    return previous.health;
  }

  enter(): void {
    this.#calls++;
  }

  leave(): void {
    this.#calls--;
    if (this.#calls === 0) this.#whenLeft?.();
  }

  /** Closes what the next one did not take over, once no call uses it. */
  replacedBy(next: Assembly): void {
    const close = (): void => {
      for (const [name, provider] of this.providers) {
        if (next.providers.get(name) !== provider) void provider.close();
      }
    };
    if (this.#calls === 0) close();
    else this.#whenLeft = close;
  }

  /** Ends the copies of calls, too. */
  async close(): Promise<void> {
    await this.#shadows.close();
    await Promise.all(Array.from(this.providers.values(), (provider) => provider.close()));
  }
}
