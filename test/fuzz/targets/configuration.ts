// The configuration file of `fetch`, JSON with comments. Oracles: only `ConfigurationError` is thrown, with file and line; what
// `JSON.parse` reads is read the same.
import { parseConfiguration } from "../../../src/cli/fetch/configuration.ts";
import { JsonSyntaxError, parseJsonLines } from "../../../src/cli/json-lines.ts";
import { ConfigurationError } from "../../../src/cli/usage-error.ts";
import { expectSame, expectThat, isOneLine } from "../oracle.ts";

export const FILES: readonly string[] = [
  "cli/fetch/configuration",
  "cli/fetch/fields",
  "cli/json-lines",
  "cli/fetch/command-words",
];
export const TOKENS: readonly string[] = [
  ...[
    '{"accounts":[{"url":"pop3s://ann@pop.example.com","to":{"maildir":"Mail"}}]}',
    '"state":"state"',
    '"maxSessions":5',
  ],
  ...[
    '"policy":{"delete":"3 days"}',
    '"firstRun":"skip"',
    '"passwordEnv":"A"',
    '"passwordCommand":["pass","show"]',
    '"login":"gmail"',
  ],
  ...[
    '"to":{"mbox":"a"}',
    '"to":{"eml":"a"}',
    '"to":{"command":"a b"}',
    '"name":"n"',
    '"mechanism":"PLAIN"',
    '"proxy":"socks5://a"',
  ],
  ...[
    "// a\n",
    "/* a */",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    '"',
    "null",
    "true",
    "\\u0000",
    "\\",
    '"__proto__":1',
    "\n",
    "\ufeff",
  ].map((each) => Buffer.from(each).toString("latin1")),
];

const FILE = "mail.json";

/** The deepest level, and whether a key occurs twice in one object. */
function shapeOf(json: string): { readonly deepest: number; readonly repeats: boolean } {
  const keys: Set<string>[] = [];
  let deepest = 0;
  let repeats = false;
  for (const [token, string, colon] of json.matchAll(/("(?:[^"\\]|\\.)*")\s*(:)?|[{}[\]]/g)) {
    if (string === undefined) {
      if (token === "{" || token === "[") keys.push(new Set());
      else keys.pop();
      deepest = Math.max(deepest, keys.length);
    } else if (colon !== undefined) {
      const key = JSON.parse(string) as string;
      repeats ||= keys.at(-1)?.has(key) === true;
      keys.at(-1)?.add(key);
    }
  }
  return { deepest, repeats };
}

function jsonOf(said: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(said) as unknown };
  } catch {
    return undefined;
  }
}

const ACCOUNT = '"url":"pop3s://ann@pop.example.com"';

/** The input as a file, and as a part of one, because few changes of a whole file leave it valid. */
export function fuzz(data: Buffer): void {
  const said = data.toString("utf8");
  check(said);
  check(`{"accounts":[{${ACCOUNT},${said}}],"to":{"maildir":"Mail"}}`);
  check(`{"accounts":[{${ACCOUNT}}],${said}}`);
  check(`{"accounts":[{${ACCOUNT},"to":{${said}}}]}`);
  check(`{"accounts":[{${said}},{${ACCOUNT}}],"to":{"mbox":"a"},"policy":{"order":"newest-first"}}`);
}

function check(said: string): void {
  const lines = said.split("\n").length;
  const json = jsonOf(said);
  try {
    const document = parseJsonLines(said);
    if (json !== undefined) expectSame(document.value, json.value, "a document of JSON");
    for (const path of ["", "accounts", "accounts[0].url", "policy.delete"]) {
      const line = document.lineOf(path);
      expectThat(line >= 1 && line <= lines, "the line of a value", line);
    }
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    expectThat(error.line >= 1 && error.line <= lines, "the line of an error", error.line);
    if (json !== undefined) {
      const { deepest, repeats } = shapeOf(said);
      expectThat(deepest > 32 || repeats, "a document of JSON that is refused", error.message);
    }
  }
  try {
    const { accounts, state } = parseConfiguration(said, FILE);
    expectThat(accounts.length > 0 && state !== "", "a configuration without accounts", accounts);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const [, line] = /^mail\.json:(\d+): ./.exec(error.message) ?? [];
    expectThat(Number(line) >= 1 && Number(line) <= lines, "an error without its line", error.message);
    expectThat(isOneLine(error.message), "an error that cannot be printed", error.message);
  }
}

export function parse(data: Buffer): void {
  try {
    parseJsonLines(data.toString("utf8"));
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
  }
}
