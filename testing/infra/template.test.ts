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
import { type Resource, readTemplate, type Template as TemplateFile } from "./template-file";

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

/** As `aws cloudformation package` leaves it: the code is in a bucket. */
const packaged = JSON.parse(
  JSON.stringify(template, (name, value: unknown) =>
    name === "Code" ? { S3Bucket: "code", S3Key: "bundle.zip" } : value,
  ),
) as TemplateFile;

/** What the CDK makes of a template. It throws where CloudFormation's schemas are not kept. */
function included(file: TemplateFile): TemplateFile {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-template-"));
  try {
    const templateFile = join(directory, "template.json");
    writeFileSync(templateFile, JSON.stringify(file));
    const context = { "@aws-cdk/core:validateAgainstDefaultRules": true };
    const stack = new Stack(new App({ analyticsReporting: false, context }), "orders");
    new CfnInclude(stack, "Included", { templateFile });
    return Template.fromStack(stack).toJSON() as TemplateFile;
  } finally {
    rmSync(directory, { recursive: true });
  }
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

  it("is what CloudFormation's schemas allow, and nothing in it is lost on the CDK", () => {
    expect(included(packaged).Resources).toEqual(packaged.Resources);
  });

  it.each([
    ["a property that there is not", { BillingModes: "PAY_PER_REQUEST" }, /BillingModes/],
    ["a value that there is not", { BillingMode: "ON_DEMAND" }, /BillingMode/],
  ])("would be refused with %s", (_, wrong, message) => {
    const { Table } = packaged.Resources as { Table: Resource };
    const table = { ...Table, Properties: { ...Table.Properties, ...wrong } };

    expect(() => included({ ...packaged, Resources: { ...packaged.Resources, Table: table } })).toThrow(
      message,
    );
  });

  it("uses no aliases, which CloudFormation does not read", () => {
    expect(() => readTemplate("a: &x 1\nb: *x\n")).toThrow("CloudFormation does not read");
  });
});
