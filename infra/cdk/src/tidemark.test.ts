import { tableDefinition } from "@tidemark/store-dynamodb";
import { App, Duration, RemovalPolicy, Stack } from "aws-cdk-lib";
import { Match, Template } from "aws-cdk-lib/assertions";
import { Schedule } from "aws-cdk-lib/aws-events";
import { Key } from "aws-cdk-lib/aws-kms";
import { Code, Function as LambdaFunction, Runtime } from "aws-cdk-lib/aws-lambda";
import { Tidemark, type TidemarkProps } from "./tidemark";

/** Without CloudFormation's validation, which takes seconds: the template, which is the same, passes through it. */
const newApp = (): App => new App({ analyticsReporting: false, builtinCloudFormationValidation: false });

function synthesized(
  props: TidemarkProps = {},
  build: (tidemark: Tidemark, stack: Stack) => void = () => {},
) {
  const stack = new Stack(newApp(), "Orders");
  build(new Tidemark(stack, "Tidemark", props), stack);
  return Template.fromStack(stack);
}

function functionIn(stack: Stack, id: string): LambdaFunction {
  const code = Code.fromInline("exports.handler = async () => {};");
  return new LambdaFunction(stack, id, { runtime: Runtime.NODEJS_24_X, handler: "index.handler", code });
}

describe("the construct", () => {
  it("makes the table that the store makes itself", () => {
    const [table] = Object.values(synthesized().findResources("AWS::DynamoDB::Table"));
    const { table: made, timeToLive } = tableDefinition("any");
    const { TableName: _name, ...properties } = made;

    expect(table?.Properties).toEqual({
      ...properties,
      TimeToLiveSpecification: timeToLive.TimeToLiveSpecification,
      DeletionProtectionEnabled: true,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    });
  });

  it("retains table, bucket and the bucket's policy unless told otherwise", () => {
    const kept = { DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" };
    const dropped = { DeletionPolicy: "Delete", UpdateReplacePolicy: "Delete" };
    const retained = synthesized();
    const destroyed = synthesized({ removalPolicy: RemovalPolicy.DESTROY });

    for (const type of ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"]) {
      retained.hasResource(type, kept);
      destroyed.hasResource(type, dropped);
    }
    destroyed.hasResourceProperties("AWS::DynamoDB::Table", { DeletionProtectionEnabled: false });
  });

  it("lets nobody in without TLS, nothing public, and removes payloads in the end", () => {
    const template = synthesized({ payloadExpiration: Duration.days(30) });

    template.hasResourceProperties("AWS::S3::Bucket", {
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      LifecycleConfiguration: { Rules: [Match.objectLike({ ExpirationInDays: 30, Status: "Enabled" })] },
    });
    template.hasResourceProperties("AWS::S3::BucketPolicy", {
      PolicyDocument: {
        Statement: [
          Match.objectLike({
            Effect: "Deny",
            Action: "s3:*",
            Condition: { Bool: { "aws:SecureTransport": "false" } },
          }),
        ],
      },
    });
  });

  it("encrypts table and bucket with a key that is given, for all who may use them", () => {
    const stack = new Stack(newApp(), "Orders");
    const key = new Key(stack, "Key");
    new Tidemark(stack, "Tidemark", { encryptionKey: key });
    const template = Template.fromStack(stack);
    const arn = stack.resolve(key.keyArn) as unknown;

    template.hasResourceProperties("AWS::DynamoDB::Table", {
      SSESpecification: { SSEEnabled: true, SSEType: "KMS", KMSMasterKeyId: arn },
    });
    template.hasResourceProperties("AWS::S3::Bucket", {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          {
            BucketKeyEnabled: true,
            ServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: arn },
          },
        ],
      },
    });
    const policies = Object.values(template.findResources("AWS::IAM::ManagedPolicy"));
    expect(policies).toHaveLength(3);
    for (const { Properties } of policies) {
      const statements = Properties.PolicyDocument.Statement as { Sid: string; Resource: unknown }[];
      expect(statements.find(({ Sid }) => Sid === "Key")?.Resource).toEqual(arn);
    }
  });

  it("lets every workflow, the waker and operators invoke all workflows, without a circle", () => {
    const template = synthesized({}, (tidemark, stack) => {
      tidemark.addWaker(functionIn(stack, "Waker"), { schedule: Schedule.rate(Duration.minutes(5)) });
      tidemark.addWorkflow(functionIn(stack, "Order"));
      tidemark.addWorkflow(functionIn(stack, "Charge"));
    });
    const workflows = Object.keys(template.findResources("AWS::Lambda::Function")).filter(
      (id) => !id.startsWith("Waker"),
    );

    for (const { Properties } of Object.values(template.findResources("AWS::IAM::ManagedPolicy"))) {
      const statements = Properties.PolicyDocument.Statement as { Sid: string }[];
      expect(statements.find(({ Sid }) => Sid === "WakeUps")).toEqual({
        Sid: "WakeUps",
        Effect: "Allow",
        Action: "lambda:InvokeFunction",
        Resource: workflows.map((id) => ({ "Fn::GetAtt": [id, "Arn"] })),
      });
    }
    template.hasResourceProperties("AWS::Lambda::Function", {
      Environment: {
        Variables: {
          WORKFLOW_FUNCTIONS: { "Fn::Join": ["", [{ Ref: workflows[0] }, ",", { Ref: workflows[1] }]] },
        },
      },
    });
    template.hasResourceProperties("AWS::Events::Rule", { ScheduleExpression: "rate(5 minutes)" });
  });
});
