/** Owns how a CloudFormation template is read: YAML with the short forms of its functions, as plain JSON. */

import { isMap, isScalar, isSeq, type Node, parseDocument } from "yaml";

export interface Template {
  readonly Parameters?: Readonly<Record<string, { readonly Default?: unknown }>>;
  readonly Conditions?: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, Resource>>;
}

export interface Resource {
  readonly Type: string;
  readonly Condition?: string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

/** @throws Error for what CloudFormation does not read: wrong YAML, and aliases. */
export function readTemplate(text: string): Template {
  const document = parseDocument(text, { logLevel: "silent" });
  const [problem] = document.errors;
  if (problem !== undefined) throw problem;
  return plain(document.contents) as Template;
}

function plain(node: unknown): unknown {
  const value = untagged(node);
  const tag = (node as Node | null)?.tag;
  if (tag === undefined || !tag.startsWith("!")) return value;
  const name = tag.slice(1);
  if (name === "Ref" || name === "Condition") return { [name]: value };
  const isPath = name === "GetAtt" && typeof value === "string";
  return { [`Fn::${name}`]: isPath ? value.split(".") : value };
}

function untagged(node: unknown): unknown {
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map(plain);
  if (isMap(node)) return Object.fromEntries(node.items.map(({ key, value }) => [String(key), plain(value)]));
  if (node === null) return null;
  throw new Error("the template uses an alias, which CloudFormation does not read");
}
