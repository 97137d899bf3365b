/** Owns the example of `infra/template.yaml` as a CDK stack: the construct and the same functions. */

import { Tidemark, type TidemarkProps } from "@tidemark/cdk";
import { App, Duration, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { Key } from "aws-cdk-lib/aws-kms";
import { Code, Function as LambdaFunction, Runtime } from "aws-cdk-lib/aws-lambda";
import type { Template as TemplateFile } from "./template-file";

export const KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

interface ExampleProps extends Omit<TidemarkProps, "encryptionKey"> {
  readonly hasKey?: boolean;
}

/** What the stack synthesises to. */
export function exampleStack({ hasKey = false, ...props }: ExampleProps = {}): TemplateFile {
  const stack = new Stack(
    new App({ analyticsReporting: false, builtinCloudFormationValidation: false }),
    "orders",
  );
  const key = hasKey ? { encryptionKey: Key.fromKeyArn(stack, "Key", KEY_ARN) } : {};
  const tidemark = new Tidemark(stack, "Tidemark", { ...props, ...key });
  const functionOf = (id: string, timeoutSeconds: number): LambdaFunction =>
    new LambdaFunction(stack, id, {
      functionName: `${stack.stackName}-${id.toLowerCase()}`,
      runtime: Runtime.NODEJS_24_X,
      handler: "index.handler",
      code: Code.fromInline("exports.handler = async () => {};"),
      timeout: Duration.seconds(timeoutSeconds),
      memorySize: 512,
    });
  const approve = functionOf("Approve", 30);
  tidemark.addWorkflow(functionOf("Order", 60));
  tidemark.addWaker(functionOf("Waker", 60));
  tidemark.addClient(approve);
  return Template.fromStack(stack).toJSON() as TemplateFile;
}

/** What the template calls the resources that the CDK names in its own way. */
const NAMES: Readonly<Record<string, string>> = {
  ApproveServiceRole: "ApproveRole",
  OrderServiceRole: "OrderRole",
  ScheduleRoleDefaultPolicy: "SchedulePolicy",
  WakerEventInvokeConfig: "WakerInvocations",
  WakerServiceRole: "WakerRole",
};

/** `Table` of `TidemarkTableC77EDDD5`. */
export function templateName(logicalId: string): string {
  const name = logicalId.replace(/[0-9A-F]{8}$/, "").replace(/^Tidemark/, "");
  return name.startsWith("WakerScheduleAllow") ? "WakerPermission" : (NAMES[name] ?? name);
}
