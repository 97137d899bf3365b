import { compileErrors } from "./compile-sources";

describe("the sources that run with either SDK", () => {
  it.each(["tidemark", "aws"] as const)("compile against the declarations of %s", (sdk) => {
    expect(compileErrors(sdk)).toBeUndefined();
  });
});
