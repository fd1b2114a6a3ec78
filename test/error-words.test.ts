// Each word of an error is ours, or passes the function that makes text of others safe to show.
import { readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { unsafeWords, type Rules } from "./support/error-messages.ts";

const RULES: Rules = {
  safe: new Set([
    "printable",
    "printableLine",
    "shownLine",
    "failureReason",
    // They do not show a value that may be a secret.
    "shown",
    "typeOf",
    // The host was checked with the options, or comes from a URL.
    "authority",
    "hostText",
  ]),
  own: new Set([
    // The form of a command without secrets: made safe when the command is made.
    "BareCommand.printable",
    "CommandLine.printable",
    "CommandLine.subject",
    "CommandLine.advice",
    // Made safe when they are parsed.
    "OAuthRefusal.scope",
    "OAuthRefusal.status",
    // Made safe when the URL is read, and by the getter.
    "MailServer.name",
    "Handshake.#peer",
    "Circumstances.server",
    "ImapSession.#folderName",
    // The name of our class.
    "Storing.store",
    // Tables of ours.
    "Deadline.what",
    "Expiry.limit",
    "Expiry.why",
    "Session.#occupied",
  ]),
  // They make their argument safe, or do not show it.
  errors: new Set(["FetchError", "ForeignFileError", "Pop3AbortError"]),
};

// The contract tests are left out: their messages are for authors, about values of the test itself.
const files = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !name.startsWith(join("testing", "contracts")))
  .map((name) => join(process.cwd(), "src", name));

// The compiler reads the whole source.
const PATIENCE = 240_000;

test("each word in an error is ours, or is made safe", { timeout: PATIENCE }, () => {
  expect(files.length).toBeGreaterThan(200);
  expect(unsafeWords(files, RULES)).toEqual([]);
});

test("an unsafe word is found at the place where it enters the error", { timeout: PATIENCE }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "popwright-"));
  const file = join(directory, "sample.ts");
  await writeFile(
    file,
    `const printable = (text: string): string => text;
const configError = (message: string): Error => new Error(message);
const named = (path: string, what: "a" | "b"): Error => new Error(\`\${path} \${what}\`);
function from(text: string): string {
  return text === "" ? "nothing" : text;
}
export function all(text: string, count: number, list: string[], failure: Error, path: string): unknown[] {
  const copy = text;
  const safe = printable(text);
  return [
    new Error("literal"),
    new Error(\`\${count} and \${printable(text)} and \${safe}\`),
    new TypeError(text.trim()),
    new Error(\`\${copy}\`),
    configError(\`the list \${list.join(", ")}\`),
    new Error(failure.message),
    new Error(from(failure.name)),
    named(failure.name, "a"),
    named("literal", "b"),
    configError(count > 0 ? "literal" : \`a \${String(count)}\`),
  ];
}
all("", 1, [], new Error(""), process.cwd());
all(String(process.argv), 1, process.argv, new Error(""), "");
`,
  );
  const found = unsafeWords([file], RULES).map((line) => line.slice(line.indexOf("sample.ts")));
  await rm(directory, { recursive: true });
  expect(found).toEqual([
    "sample.ts:13: text",
    "sample.ts:15: list",
    "sample.ts:16: failure.message",
    "sample.ts:3: path",
    "sample.ts:5: text",
    "sample.ts:8: text",
  ]);
});
