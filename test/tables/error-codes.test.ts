// Each error code is documented with its class and whether it is temporary, occurs in the sources, and is tested. Each
// exit code of the command line is documented.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Pop3Error, Pop3ReplyError, type Pop3ErrorCode, type Pop3ReplyErrorCode } from "../../src/errors.ts";
import { SCOPES } from "../../src/fetch/scope.ts";
import { EXIT } from "../../src/cli/exit-codes.ts";
import { isTemporary } from "../../src/retry.ts";
import { codeIn, root, sectionOf, unionOf } from "./source.ts";

const ERRORS = "src/errors.ts";
const DOCS = "docs/errors.md";

/** The classes of each code. */
const CLASSES = new Map<string, string[]>();
for (const [union, name] of [
  ["Pop3CallErrorCode", "Pop3Error"],
  ["Pop3ReplyErrorCode", "Pop3ReplyError"],
  ["Pop3ProtocolErrorCode", "Pop3ProtocolError"],
  ["Pop3ConnectionErrorCode", "Pop3ConnectionError"],
] as const)
  for (const code of unionOf(ERRORS, union)) CLASSES.set(code, [...(CLASSES.get(code) ?? []), name]);
CLASSES.set("POP3_HOST_BUSY", ["Pop3HostBusyError"]);
CLASSES.set("POP3_ABORTED", ["Pop3AbortError"]);

/** Subclasses that documents may name in place of `Pop3Error`. */
const SUBCLASSES = ["FetchError", "DestinationError", "LedgerError", "OAuth2Error"];

interface Row {
  readonly classes: readonly string[];
  readonly temporary: string;
}

/** The rows of the documentation, by code. A row may have several codes. */
const ROWS = new Map<string, Row>();
for (const line of sectionOf(DOCS).split("\n")) {
  if (!line.startsWith("| [`POP3_")) continue;
  const [codes = "", classes = "", temporary = ""] = line.slice(2).split(" | ");
  for (const code of codeIn(codes)) ROWS.set(code, { classes: codeIn(classes), temporary });
}

test("each code has a row, and each row has a code", () => {
  expect(
    [...CLASSES.keys()]
      .filter((code) => !ROWS.has(code))
      .map((code) => `${code} is not documented: add a row to ${DOCS}`),
  ).toEqual([]);
  expect(
    [...ROWS.keys()]
      .filter((code) => !CLASSES.has(code))
      .map((code) => `there is no code ${code}: correct ${DOCS}`),
  ).toEqual([]);
});

test("each row names the class of its code", () => {
  const wrong = [...ROWS].filter(([code, { classes }]) => {
    const real = CLASSES.get(code) ?? [];
    const named = classes.map((name) => (SUBCLASSES.includes(name) ? "Pop3Error" : name));
    return [...new Set(named)].sort().join() !== [...real].sort().join();
  });
  expect(
    wrong.map(
      ([code]) =>
        `the class of ${code} is ${CLASSES.get(code)?.join(" or ") ?? "none"}: correct its row in ${DOCS}`,
    ),
  ).toEqual([]);
});

const REFUSED_FOR_NOW = new Pop3ReplyError("POP3_REFUSED", "", { text: "", temporary: true });
const RESET = Object.assign(new Error("reset"), { code: "ECONNRESET" });

/** Whether a code is temporary, by `src/retry.ts`. */
function temporaryOf(code: string): string {
  const of = (cause?: unknown): boolean => isTemporary(new Pop3Error(code as Pop3ErrorCode, "", { cause }));
  if (CLASSES.get(code)?.includes("Pop3ReplyError") === true) {
    const decided: Partial<Record<Pop3ReplyErrorCode, string>> = {
      POP3_AUTH_REJECTED: "no",
      POP3_TEMPORARY: "yes",
    };
    return decided[code as Pop3ReplyErrorCode] ?? "it says";
  }
  // A destination that is down, or one message that it refuses. A ledger that does not answer, or is damaged. A
  // token server that is down, or a wrong address.
  if (["POP3_DESTINATION", "POP3_LEDGER", "POP3_TOKEN_UNAVAILABLE"].includes(code)) return "it says";
  if (of()) return "yes";
  return of(REFUSED_FOR_NOW) || of(RESET) ? "by its cause" : "no";
}

test("each row says whether its code is temporary, as src/retry.ts decides", () => {
  expect(
    [...ROWS]
      .filter(([code, { temporary }]) => temporary !== temporaryOf(code))
      .map(
        ([code, { temporary }]) =>
          `${code} has "${temporary}" in ${DOCS}, and is "${temporaryOf(code)}" by src/retry.ts: correct one of them`,
      ),
  ).toEqual([]);
});

test("each code is in the row of its scope, as src/fetch/scope.ts decides", () => {
  const documented: Record<string, string[]> = {};
  for (const line of sectionOf(DOCS, "### What has failed: `scope`").split("\n")) {
    if (!line.startsWith('| `"')) continue;
    const [scope = "", , codes = ""] = line.slice(2).split(" | ");
    documented[codeIn(scope).join(" or ").replaceAll('"', "")] = codeIn(codes).sort();
  }
  const decided: Record<string, string[]> = {};
  for (const [code, row] of Object.entries(SCOPES)) {
    const scope = row === "by stage" ? "host or mailbox" : row;
    decided[scope] = [...(decided[scope] ?? []), code].sort();
  }
  expect(documented, `correct the table of scopes in ${DOCS}`).toEqual(decided);
});

/** The text of all files below a folder whose name matches. */
function textBelow(folder: string, name: RegExp): string {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => name.test(file) && !/node_modules|tables/.test(file))
    .map((file) => readFileSync(join(root, folder, file), "utf8"))
    .join("\n");
}

test("each code is used by the sources, and expected by a test", () => {
  const sources = textBelow("src", /\.ts$/).replace(
    /^ *\| "POP3_.*$|^ *"POP3_\w+"(?: \| "POP3_\w+")+;$/gm,
    "",
  );
  const tests = textBelow("test", /\.(?:ts|mjs)$/);
  expect(
    [...CLASSES.keys()]
      .filter((code) => !sources.includes(`"${code}"`))
      .map((code) => `nothing in src/ rejects with ${code}: remove it from ${ERRORS}`),
  ).toEqual([]);
  expect(
    [...CLASSES.keys()]
      .filter((code) => !tests.includes(code))
      .map((code) => `no test expects ${code}: add one to the folder in test/ that has its question`),
  ).toEqual([]);
});

test("each exit code has a row, and each row its exit code", () => {
  const file = "docs/command-line.md";
  const documented = Array.from(sectionOf(file, "## Exit codes").matchAll(/^\| (\d+) \|/gm), ([, code]) =>
    Number(code),
  );
  const codes: readonly number[] = Object.values(EXIT);
  expect(
    codes
      .filter((code) => !documented.includes(code))
      .map((code) => `the exit code ${String(code)} is not documented: add a row to ${file}`),
  ).toEqual([]);
  expect(
    documented
      .filter((code) => !codes.includes(code))
      .map((code) => `there is no exit code ${String(code)}: correct ${file}`),
  ).toEqual([]);
});
