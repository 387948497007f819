import type { Config } from "./load.ts";
import type { Problem } from "./problem.ts";

type Model = Config["models"][string];
type Rule = Model["rules"][number];

/** What a name must be to be called: an alias, or `provider/model` of a configured provider. */
interface Names {
  readonly providers: ReadonlySet<string>;
  readonly aliases: ReadonlySet<string>;
}

/** Checks what the schema cannot: that targets, weights and rules name what there is, and say one thing only. */
export function checkModels(config: Config, providerNames: ReadonlySet<string>, problems: Problem[]): void {
  const names: Names = { providers: providerNames, aliases: new Set(Object.keys(config.models)) };
  for (const [alias, model] of Object.entries(config.models)) {
    const path = `models.${alias}`;
    checkTargets(`${path}.targets`, model.targets, names, problems);
    checkWeights(path, model, problems);
    const mayBeWeighted = model.strategy !== "" || model.allowCallers.includes("strategy");
    if (!mayBeWeighted && Object.keys(model.weights).length > 0) {
      problems.push({ path: `${path}.weights`, message: "count with strategy weighted only; set it" });
    }
    if (model.shadow !== undefined) {
      checkTarget(`${path}.shadow.target`, model.shadow.target, names, problems);
      if (model.shadow.percentage === 0) {
        problems.push({ path: `${path}.shadow.percentage`, message: "must be more than 0; leave the shadow out" });
      }
    }
    for (const [at, rule] of model.rules.entries()) {
      checkRule(`${path}.rules[${at}]`, rule, alias, names, problems);
      if (model.rules.findIndex(({ name }) => name === rule.name) < at) {
        problems.push({ path: `${path}.rules[${at}].name`, message: "is another rule's, too; give each its own" });
      }
    }
  }
}

function checkRule(path: string, rule: Rule, alias: string, names: Names, problems: Problem[]): void {
  const { model, targets, strategy, weights } = rule;
  const problem = (key: string, message: string): void => {
    problems.push({ path: `${path}${key}`, message });
  };
  if (model === "" && targets.length === 0 && strategy === "") problem("", "needs a model, targets or a strategy");
  if (model !== "" && targets.length > 0) problem(".targets", "cannot stand beside model; leave one of them out");
  if (model !== "" && model === alias) problem(".model", "is the model that the rule is of; name another");
  else if (model !== "" && !names.aliases.has(model)) checkName(`${path}.model`, model, names, problems);
  checkTargets(`${path}.targets`, targets, names, problems);
  if (targets.length > 0) checkWeights(path, rule, problems);
  else if (Object.keys(weights).length > 0) problem(".weights", "need targets of the rule's own");
  if (Object.keys(weights).length > 0 && strategy !== "" && strategy !== "weighted") {
    problem(".weights", "count with strategy weighted only; set it");
  }
  if (rule.stickyBy !== "" && rule.percentage === undefined) problem(".sticky_by", "is for rules with a percentage");
  const keys = rule.metadata.map(({ key }) => key);
  for (const [at, key] of keys.entries()) {
    if (keys.indexOf(key) < at) problem(`.metadata[${at}].key`, "stands here twice; put all values into one list");
  }
}

/** A name that is no alias. */
function checkName(path: string, name: string, names: Names, problems: Problem[]): void {
  const slash = name.indexOf("/");
  if (slash > 0 && slash < name.length - 1) checkTarget(path, name, names, problems);
  else problems.push({ path, message: `${JSON.stringify(name)} is neither an alias under models nor provider/model` });
}

function checkTargets(path: string, targets: readonly string[], names: Names, problems: Problem[]): void {
  for (const [at, target] of targets.entries()) checkTarget(`${path}[${at}]`, target, names, problems);
}

function checkTarget(path: string, target: string, { providers }: Names, problems: Problem[]): void {
  const provider = target.slice(0, target.indexOf("/"));
  if (!providers.has(provider)) {
    problems.push({ path, message: `no provider ${JSON.stringify(provider)} is configured` });
  }
}

function checkWeights(path: string, { targets, weights }: Pick<Model, "targets" | "weights">, problems: Problem[]) {
  const given = Object.keys(weights);
  if (given.length === 0) return;
  for (const name of given) {
    if (!targets.includes(name)) problems.push({ path: `${path}.weights.${name}`, message: "is none of the targets" });
  }
  for (const name of new Set(targets)) {
    if (!Object.hasOwn(weights, name)) {
      problems.push({ path: `${path}.weights`, message: `lack ${name}; with 0 it is asked only when others fail` });
    }
  }
  if (Object.values(weights).every((weight) => weight === 0)) {
    problems.push({ path: `${path}.weights`, message: "are all 0; give one target more" });
  }
}
