// A login mechanism is complete when it is in each table of the tests, in the server for tests, and in the documentation.
import { describe, expect, test } from "vitest";
import { mechanismNames } from "../../src/auth/names.ts";
import { mechanismNamed } from "../../src/testing/mechanisms/index.ts";
import { codeIn, firstColumn, sectionOf, stringsOf, textOf } from "./source.ts";

const NAMES = [...mechanismNames()];
/** Commands of POP3 itself, not of SASL. */
const COMMANDS = ["USER", "APOP"];
const SASL = NAMES.filter((name) => !COMMANDS.includes(name));

const BINDING = "test/client/login/channel-binding.test.ts";

interface Table {
  readonly question: string;
  readonly file: string;
  /** The constants that are the table. */
  readonly constants: readonly string[];
  /** Mechanisms that need a test of another form: the file in which it is. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

const TABLES: readonly Table[] = [
  {
    question: "when it is chosen",
    file: "test/auth/choice-order.test.ts",
    constants: ["TABLE"],
    elsewhere: {},
  },
  {
    question: "a login with the right and with a wrong secret",
    file: "test/client/login/mechanisms.test.ts",
    constants: ["PASSWORD", "TOKEN", "WAYS"],
    elsewhere: {
      "SCRAM-SHA-512-PLUS": BINDING,
      "SCRAM-SHA-256-PLUS": BINDING,
      "SCRAM-SHA-1-PLUS": BINDING,
      APOP: "test/client/login/apop.test.ts",
      EXTERNAL: "test/client/login/external.test.ts",
      GSSAPI: "test/auth/gssapi.test.ts",
    },
  },
];

describe.each(TABLES)("$question", ({ file, constants, elsewhere }) => {
  test("is tested for each mechanism", () => {
    const tested = stringsOf(file, ...constants);
    expect(
      NAMES.filter((name) => !tested.includes(name) && elsewhere[name] === undefined).map(
        (name) => `${name} has no row: add one to ${constants.join(", ")} in ${file}`,
      ),
    ).toEqual([]);
    expect(
      Object.keys(elsewhere)
        .filter((name) => tested.includes(name) || !NAMES.includes(name))
        .map((name) => `${name} is no longer an exception: remove it in test/tables/mechanisms.test.ts`),
    ).toEqual([]);
  });

  const others = Object.entries(elsewhere);
  if (others.length > 0)
    test.each(others)("is tested for %s in %s", (name, where) => {
      expect(textOf(where).includes(name), `add a test of ${name} to ${where}`).toBe(true);
    });
});

test("Pop3Server knows each mechanism", () => {
  const withoutServer: Readonly<Record<string, string>> = {
    GSSAPI: "it needs a Kerberos realm: test/interop",
  };
  const unknown = SASL.filter((name) => withoutServer[name] === undefined).filter((name) => {
    try {
      return mechanismNamed(name, { anonymous: "ann" }).name !== name;
    } catch {
      return true;
    }
  });
  expect(
    unknown.map((name) => `Pop3Server does not know ${name}: add it to src/testing/mechanisms/index.ts`),
  ).toEqual([]);
  const tested = ["mechanisms", "digests", "scram", "tokens", "channel-binding"]
    .map((name) => textOf(`test/testing/${name}.test.ts`))
    .join("\n");
  expect(
    SASL.filter((name) => withoutServer[name] === undefined && !tested.includes(name)).map(
      (name) => `the server's side of ${name} has no test: add one to test/testing/`,
    ),
  ).toEqual([]);
});

/** What a text names. "The same with `-PLUS`" names the bound form of each SCRAM in it. */
function namedIn(text: string): string[] {
  const names = codeIn(text);
  if (!names.includes("-PLUS")) return names;
  return [...names, ...names.filter((name) => name.startsWith("SCRAM-SHA-")).map((name) => `${name}-PLUS`)];
}

describe("the documentation", () => {
  test.each([
    ["docs/authentication.md", "## Which mechanism is chosen", NAMES],
    ["docs/options.md", "## `auth`", NAMES],
    ["docs/testing.md", "## Logins", SASL.filter((name) => name !== "GSSAPI")],
  ])("names each mechanism in %s, %s", (file, heading, names) => {
    const named = namedIn(sectionOf(file, heading));
    expect(
      names
        .filter((name) => !named.includes(name))
        .map((name) => `${name} is not documented: add it to "${heading}" in ${file}`),
    ).toEqual([]);
  });

  test("names no mechanism that does not exist", () => {
    const file = "docs/options.md";
    const [, list = ""] = sectionOf(file, "## `auth`").split("The names of the mechanisms:");
    const named = namedIn(list).filter((name) => /^[A-Z][A-Z0-9-]+$/.test(name));
    expect(named.length).toBeGreaterThan(10);
    const inTesting = firstColumn("docs/testing.md", "## Logins");
    expect(
      [...named, ...inTesting].filter((name) => name !== "-PLUS" && !NAMES.includes(name)),
      "there is no mechanism of that name: correct docs/options.md or docs/testing.md",
    ).toEqual([]);
  });
});
