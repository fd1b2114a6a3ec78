import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const ENTRY = new URL("../../src/parse/index.ts", import.meta.url).href;
const ROOT = new URL("../../", import.meta.url);

/** After each step, which of the packages that cost time are among the modules that the process has loaded. */
const SCRIPT = `
import { createRequire } from "node:module";
const { cache } = createRequire(${JSON.stringify(ENTRY)});
const loaded = (step) => {
  const names = ["mailparser", "@zone-eu/mailsplit", "iconv-lite"];
  steps[step] = names.filter((name) => Object.keys(cache).some((path) => path.includes("/node_modules/" + name + "/")));
};
const steps = {};
const { parseHeaders, parseMessage } = await import(${JSON.stringify(ENTRY)});
loaded("import");
for (const charset of ["utf-8", "windows-1252", "koi8-r", "gb18030", "iso-2022-jp"]) {
  await parseHeaders(Buffer.from("Subject: =?" + charset + "?Q?a?=\\r\\n\\r\\n"));
}
loaded("charsets of the platform");
await parseMessage(Buffer.from("Subject: a\\r\\n\\r\\nb\\r\\n"));
loaded("a text");
await parseHeaders(Buffer.from("Subject: =?cp437?Q?a?=\\r\\n\\r\\n"));
loaded("another charset");
await parseMessage(Buffer.from("Content-Type: multipart/mixed; boundary=b\\r\\n\\r\\n--b\\r\\n\\r\\na\\r\\n--b--"));
loaded("parts");
await parseMessage(Buffer.from("From: a@example.com\\r\\n\\r\\nb\\r\\n"));
loaded("addresses");
console.log(JSON.stringify(steps));
`;

describe("popwright/parse", () => {
  it("loads iconv-lite, mailsplit and mailparser only when they are needed", async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "--eval", SCRIPT],
      { cwd: ROOT },
    );
    expect(JSON.parse(stdout)).toEqual({
      import: [],
      "charsets of the platform": [],
      "a text": [],
      "another charset": ["iconv-lite"],
      parts: ["@zone-eu/mailsplit", "iconv-lite"],
      addresses: ["mailparser", "@zone-eu/mailsplit", "iconv-lite"],
    });
  });
});
