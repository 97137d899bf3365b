import { firstTypeScriptBlock } from "./handler-source";

describe("the handler that the pack check runs", () => {
  it("is the first TypeScript block of the README", () => {
    const markdown = [
      "# Title",
      "```sh",
      "npm i",
      "```",
      "```ts title=handler",
      "const a = `x`;",
      "```",
      "```ts",
      "no",
      "```",
    ];

    expect(firstTypeScriptBlock(markdown.join("\n"))).toBe("const a = `x`;\n");
  });

  it("is not found in a README without one", () => {
    expect(firstTypeScriptBlock("# Title\n\n```tsx\nno\n```\n")).toBeUndefined();
  });
});
