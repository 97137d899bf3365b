import type { ESLint, Linter } from "eslint";
import { noClosureInDurableOperations } from "./rules/no-closure-in-durable-operations.js";
import { noFloatingDurableOperations } from "./rules/no-floating-durable-operations.js";
import { noNestedDurableOperations } from "./rules/no-nested-durable-operations.js";
import { noNonDeterministicOutsideStep } from "./rules/no-non-deterministic-outside-step.js";
import { noNonDurableAwait } from "./rules/no-non-durable-await.js";
import { noParentContextInChild } from "./rules/no-parent-context-in-child.js";
import { noSideEffectsOutsideStep } from "./rules/no-side-effects-outside-step.js";

const rules = {
  "no-closure-in-durable-operations": noClosureInDurableOperations,
  "no-floating-durable-operations": noFloatingDurableOperations,
  "no-nested-durable-operations": noNestedDurableOperations,
  "no-non-deterministic-outside-step": noNonDeterministicOutsideStep,
  "no-non-durable-await": noNonDurableAwait,
  "no-parent-context-in-child": noParentContextInChild,
  "no-side-effects-outside-step": noSideEffectsOutsideStep,
};

interface TidemarkPlugin extends ESLint.Plugin {
  readonly rules: typeof rules;
  readonly configs: { readonly recommended: Linter.Config };
}

/**
 * Rules for durable functions. All are errors in `recommended`, but `no-non-durable-await`, which warns.
 *
 * @example
 * ```ts
 * import tidemark from "@tidemark/eslint-plugin";
 *
 * export default [tidemark.configs.recommended];
 * ```
 */
const plugin: TidemarkPlugin = {
  meta: { name: "@tidemark/eslint-plugin", version: "0.1.0" },
  rules,
  configs: {
    recommended: {
      name: "@tidemark/recommended",
      plugins: {
        get "@tidemark"() {
          return plugin;
        },
      },
      rules: Object.fromEntries(
        Object.keys(rules).map((rule) => [
          `@tidemark/${rule}`,
          rule === "no-non-durable-await" ? "warn" : "error",
        ]),
      ),
    },
  },
};

export { plugin, plugin as default };
