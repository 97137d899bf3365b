/**
 * Owns what a template comes to with given parameters: conditions decided, functions applied, names of resources in
 * place of what is known after deployment. Then two templates can be compared, whatever way they were written in.
 */

import type { Resource, Template } from "./template-file";

/** By logical id: type, policies and properties, as far as they mean something. */
export type Evaluated = Readonly<Record<string, Resource>>;

const PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  "AWS::AccountId": "123456789012",
  "AWS::Partition": "aws",
  "AWS::Region": "eu-west-1",
  "AWS::StackName": "orders",
  "AWS::URLSuffix": "amazonaws.com",
};

const NO_VALUE = Symbol("AWS::NoValue");

/** `nameOf` gives the name of a resource by its logical id; default the id. */
export function evaluate(
  template: Template,
  parameters: Readonly<Record<string, unknown>> = {},
  nameOf: (logicalId: string) => string = (logicalId) => logicalId,
): Evaluated {
  const evaluation = new Evaluation(template, parameters, nameOf);
  const resources = Object.entries(template.Resources).filter(
    ([, { Condition }]) => Condition === undefined || evaluation.isTrue(Condition),
  );
  return Object.fromEntries(
    resources.map(([id, { Type, DeletionPolicy, UpdateReplacePolicy, Properties = {} }]) => {
      const policies = {
        ...(DeletionPolicy && { DeletionPolicy }),
        ...(UpdateReplacePolicy && { UpdateReplacePolicy }),
      };
      const properties = evaluation.value(Properties) as Resource["Properties"];
      return [nameOf(id), { Type, ...policies, ...(properties && { Properties: properties }) }];
    }),
  );
}

class Evaluation {
  readonly #template: Template;
  readonly #parameters: Readonly<Record<string, unknown>>;
  readonly #nameOf: (logicalId: string) => string;

  constructor(
    template: Template,
    parameters: Readonly<Record<string, unknown>>,
    nameOf: (logicalId: string) => string,
  ) {
    const declared = Object.entries(template.Parameters ?? {});
    this.#template = template;
    this.#parameters = {
      ...PSEUDO_PARAMETERS,
      ...Object.fromEntries(declared.map(([name, { Default }]) => [name, Default])),
      ...parameters,
    };
    this.#nameOf = nameOf;
  }

  isTrue(condition: string): boolean {
    const value = this.#template.Conditions?.[condition];
    if (value === undefined) throw new Error(`no condition ${condition}`);
    return this.value(value) === true;
  }

  value(given: unknown): unknown {
    if (Array.isArray(given))
      return given.map((each) => this.value(each)).filter((each) => each !== NO_VALUE);
    if (typeof given !== "object" || given === null) return given;
    const entries = Object.entries(given);
    const [first] = entries;
    if (entries.length === 1 && first !== undefined && /^(Ref$|Fn::)/.test(first[0]))
      return this.#applied(first[0], first[1]);
    const values = entries.map(([name, each]) => [name, this.value(each)] as const);
    return Object.fromEntries(values.filter(([, each]) => each !== NO_VALUE));
  }

  #applied(name: string, argument: unknown): unknown {
    switch (name) {
      case "Ref":
        return this.#reference(argument as string);
      case "Fn::GetAtt":
        return this.#reference((argument as string[]).join("."));
      case "Fn::Sub":
        return (argument as string).replace(/\$\{([^}]+)\}/g, (_, path: string) =>
          String(this.#reference(path)),
        );
      case "Fn::Join": {
        const [separator, parts] = argument as [string, unknown[]];
        return parts.map((part) => this.value(part)).join(separator);
      }
      case "Fn::If": {
        const [condition, yes, no] = argument as [string, unknown, unknown];
        return this.value(this.isTrue(condition) ? yes : no);
      }
      case "Fn::Equals": {
        const [left, right] = (argument as unknown[]).map((each) => this.value(each));
        return left === right;
      }
      case "Fn::Not":
        return this.value((argument as unknown[])[0]) !== true;
      default:
        throw new Error(`${name} is not evaluated here`);
    }
  }

  /** `Table` and `Table.Arn` of a resource become texts that name it. */
  #reference(path: string): unknown {
    if (path === "AWS::NoValue") return NO_VALUE;
    if (path in this.#parameters) return this.#parameters[path];
    const [id = "", ...attribute] = path.split(".");
    if (this.#template.Resources[id] === undefined) throw new Error(`${path} is not in the template`);
    return `<${[this.#nameOf(id), ...attribute].join(".")}>`;
  }
}
