/**
 * Owns an IAM in front of AWS clients: what a policy does not allow is refused as AWS refuses it, and what it allows is
 * remembered when it is used.
 *
 * It knows the parts of IAM that the policies use: Allow, action and resource with wildcards, and the two conditions
 * on keys of items. Whatever else a statement holds it refuses to judge.
 */

/** As in a policy document, with all references resolved. */
export interface Statement {
  readonly Sid: string;
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface Access {
  readonly action: string;
  readonly resource: string;
  /** Partitions of the items that are named. */
  readonly partitions?: readonly string[];
}

type Input = Readonly<Record<string, unknown>>;
type Handler = (args: { input: object }) => Promise<unknown>;

/** The part of a client that is used. */
interface Client {
  readonly middlewareStack: {
    add(
      middleware: (next: Handler, context: { commandName?: string }) => Handler,
      options: { step: "initialize" },
    ): void;
  };
}

export class Guard {
  /** `action on resource`, as the policy names it, of all that was used. */
  readonly used = new Set<string>();
  /** What was refused. */
  readonly refused: Access[] = [];
  readonly #statements: readonly Statement[];

  constructor(statements: readonly Statement[]) {
    this.#statements = statements;
  }

  /** All that the policy allows, as in `used`. */
  get allowed(): string[] {
    return this.#statements.flatMap(({ Action, Resource }) =>
      [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} on ${resource}`)),
    );
  }

  /** From now on the client asks only for what is allowed. */
  watch(client: unknown, accessesOf: (command: string, input: Input) => readonly Access[]): void {
    (client as Client).middlewareStack.add(
      (next, { commandName = "" }) =>
        async (args) => {
          for (const access of accessesOf(commandName, args.input as Input)) this.#check(access);
          return next(args);
        },
      { step: "initialize" },
    );
  }

  #check(access: Access): void {
    const statement = this.#statements.find((each) => allows(each, access));
    if (statement === undefined) {
      this.refused.push(access);
      const message = `not authorized to perform: ${access.action} on resource: ${access.resource}`;
      throw Object.assign(new Error(message), {
        name: "AccessDeniedException",
        $metadata: { httpStatusCode: 400 },
      });
    }
    const pattern = [statement.Resource].flat().find((each) => matches(each as string, access.resource));
    this.used.add(`${access.action} on ${pattern}`);
  }
}

function allows({ Effect, Action, Resource, Condition = {} }: Statement, access: Access): boolean {
  return (
    Effect === "Allow" &&
    [Action].flat().includes(access.action) &&
    [Resource].flat().some((pattern) => matches(pattern as string, access.resource)) &&
    Object.entries(Condition).every(([operator, keys]) => holds(operator, keys, access))
  );
}

function matches(pattern: string, resource: string): boolean {
  return pattern.endsWith("*") ? resource.startsWith(pattern.slice(0, -1)) : pattern === resource;
}

function holds(
  operator: string,
  keys: Readonly<Record<string, unknown>>,
  { partitions = [] }: Access,
): boolean {
  const [key, ...others] = Object.keys(keys);
  if (operator !== "ForAllValues:StringEquals" || key !== "dynamodb:LeadingKeys" || others.length > 0)
    throw new Error(`the condition ${operator} on ${Object.keys(keys)} is not known here`);
  const allowed = keys[key] as readonly string[];
  return partitions.every((partition) => allowed.includes(partition));
}

/** What a command of `client-dynamodb` needs. A transaction needs the actions of its parts. */
export function dynamoDbAccesses(command: string, input: Input): Access[] {
  const table = "<Table.Arn>";
  const action = `dynamodb:${command.replace(/Command$/, "")}`;
  if (command === "TransactWriteItemsCommand") {
    const parts = (input.TransactItems as Input[]).flatMap((part) => Object.keys(part));
    return parts.map((part) => ({
      action: `dynamodb:${part === "ConditionCheck" ? "ConditionCheckItem" : `${part}Item`}`,
      resource: table,
    }));
  }
  if (command === "BatchWriteItemCommand") {
    const writes = Object.values(input.RequestItems as Record<string, BatchWrite[]>).flat();
    const partitions = writes.map(
      ({ PutRequest, DeleteRequest }) => (PutRequest?.Item ?? DeleteRequest?.Key)?.pk.S,
    );
    return [{ action, resource: table, partitions: partitions as string[] }];
  }
  const index = input.IndexName === undefined ? "" : `/index/${input.IndexName}`;
  return [{ action, resource: `${table}${index}` }];
}

interface BatchWrite {
  readonly PutRequest?: { readonly Item: { readonly pk: { readonly S: string } } };
  readonly DeleteRequest?: { readonly Key: { readonly pk: { readonly S: string } } };
}

/** What a command of `client-s3` needs. */
export function s3Accesses(command: string, { Key }: Input): Access[] {
  const bucket = "<Payloads.Arn>";
  switch (command) {
    case "ListObjectsV2Command":
      return [{ action: "s3:ListBucket", resource: bucket }];
    case "DeleteObjectsCommand":
      return [{ action: "s3:DeleteObject", resource: `${bucket}/any` }];
    default:
      return [{ action: `s3:${command.replace(/Command$/, "")}`, resource: `${bucket}/${Key}` }];
  }
}
