/** The template in `infra/`: the same as the construct, and what the store needs. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { tableDefinition } from "@tidemark/store-dynamodb";
import { App, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { type Evaluated, evaluate } from "./evaluated-template";
import { exampleStack, KEY_ARN, templateName } from "./example-stack";
import { type Resource, readTemplate } from "./template-file";

const template = readTemplate(readFileSync(resolve(__dirname, "../../infra/template.yaml"), "utf8"));

type Fields = Record<string, unknown>;

/** Without what differs in form alone. */
function normalized(evaluated: Evaluated): Fields {
  return Object.fromEntries(
    Object.entries(evaluated).map(([id, { Properties, ...resource }]) => [
      id,
      Properties === undefined
        ? resource
        : { ...resource, Properties: normal(withoutForm(resource, Properties)) },
    ]),
  );
}

/** Code is for the one who deploys; paths and names of inline policies are defaults. */
function withoutForm({ Type }: Pick<Resource, "Type">, properties: Fields): Fields {
  const { Code: _code, ...kept } = properties;
  if (Type === "AWS::IAM::Policy") return { ...kept, PolicyName: undefined };
  if (Type === "AWS::IAM::ManagedPolicy") return { ...kept, Path: undefined };
  return kept;
}

function normal(value: unknown, name = ""): unknown {
  if (Array.isArray(value)) {
    const all = value.map((each) => normal(each));
    const isSet = ["Action", "Resource"].includes(name);
    return isSet && all.length === 1 ? all[0] : all;
  }
  if (typeof value === "object" && value !== null) {
    const kept = Object.entries(value).filter(([, each]) => each !== undefined);
    return Object.fromEntries(kept.map(([key, each]) => [key, normal(each, key)]));
  }
  return value === "true" || value === "false" ? value === "true" : value;
}

describe("infra/template.yaml", () => {
  it.each([
    ["by default", {}, {}],
    [
      "with every option",
      { KeyArn: KEY_ARN, ExactSchedules: "true", PointInTimeRecovery: "false", PayloadExpirationDays: 400 },
      { hasKey: true, exactSchedules: true, pointInTimeRecovery: false },
    ],
  ])("has %s the resources that the construct makes", (_, parameters, props) => {
    const fromConstruct = evaluate(exampleStack(props), {}, templateName);

    expect(normalized(evaluate(template, parameters))).toEqual(normalized(fromConstruct));
  });

  it("describes the table that the store makes itself", () => {
    const { Table } = evaluate(template);
    const { table, timeToLive } = tableDefinition("any");
    const { TableName: _name, ...made } = table;

    expect(Table?.Properties).toEqual({
      ...made,
      TimeToLiveSpecification: timeToLive.TimeToLiveSpecification,
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: "true" },
    });
  });

  it("is read by the CDK, which knows every type and what refers to what", () => {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-template-"));
    // As `package` leaves it: code is in a bucket then.
    const packaged = JSON.stringify(template, (name, value) =>
      name === "Code" ? { S3Bucket: "code", S3Key: "bundle.zip" } : value,
    );
    try {
      const templateFile = join(directory, "template.json");
      writeFileSync(templateFile, packaged);
      const stack = new Stack(
        new App({
          analyticsReporting: false,
          context: { "@aws-cdk/core:validateAgainstDefaultRules": true },
        }),
        "orders",
      );
      new CfnInclude(stack, "Included", { templateFile });
      const { Resources } = Template.fromStack(stack).toJSON() as { Resources: unknown };

      expect(Resources).toEqual((JSON.parse(packaged) as { Resources: unknown }).Resources);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("uses no aliases, which CloudFormation does not read", () => {
    expect(() => readTemplate("a: &x 1\nb: *x\n")).toThrow("CloudFormation does not read");
  });
});
