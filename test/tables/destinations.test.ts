// A destination is complete when it passes the contract, survives a kill, has a form for the command line, and is
// documented.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PLACES } from "../../src/cli/fetch/delivery-place.ts";
import { fetch } from "../../src/cli/fetch/fetch.ts";
import { PLACE_HELP } from "../../src/cli/fetch/to-options.ts";
import { codeIn, exportsFrom, firstColumn, root, sectionOf, textOf } from "./source.ts";

/** The destinations that `popwright/fetch` exports, without their errors. */
const DESTINATIONS = exportsFrom("src/fetch/index.ts", /\/destinations\//).filter(
  (name) => !name.endsWith("Error"),
);

/** The destinations that a file does not name by `sign`, such as `new Maildir(`. */
function missing(
  file: string,
  sign: (name: string) => string,
  names: readonly string[] = DESTINATIONS,
): string[] {
  const text = textOf(file);
  return names.filter((name) => !text.includes(sign(name)));
}

test("each destination passes the contract", () => {
  const file = "test/fetch/destinations/destinations.test.ts";
  expect(
    missing(file, (name) => `contract("${name}"`).map(
      (name) => `${name} is not tested by the contract: add contract("${name}", ...) to ${file}`,
    ),
  ).toEqual([]);
});

/** Destinations that a kill is not tested with there, and why. */
const NOT_KILLED: Readonly<Record<string, string>> = {
  deliverTo: "the caller's function does the work",
  Lmtp: "the server keeps the message, and knows no keys",
  EmlFolder: "it writes files with the code of Maildir",
  ImapAppend: "test/endurance/imap.test.ts kills it with an IMAP server as the target",
};

test("each destination is killed in test/endurance", () => {
  const file = "test/endurance/child.mjs";
  const names = DESTINATIONS.filter((name) => NOT_KILLED[name] === undefined);
  expect(
    missing(file, (name) => `new ${name}(`, names).map(
      (name) =>
        `no kill is tested with ${name}: add it to place() in ${file}, and to test/endurance/crashes.ts`,
    ),
  ).toEqual([]);
});

test("each destination has a form for the command line", () => {
  const folder = "src/cli/fetch/places";
  const sources = readdirSync(join(root, folder)).map((name) => textOf(`${folder}/${name}`));
  const names = DESTINATIONS.filter((name) => name !== "deliverTo");
  expect(
    names
      .filter((name) => !sources.some((text) => text.includes(`new ${name}(`)))
      .map((name) => `no configuration names ${name}: add a file to ${folder}`),
  ).toEqual([]);
  expect(PLACES.length, "KINDS in src/cli/fetch/delivery-place.ts has one name for each destination").toBe(
    names.length,
  );
});

/** Places on this machine that `--format` names. A program is named in the configuration file only, a server by its URL. */
const FORMATS = ["maildir", "eml", "mbox"];
/** How the value of `--to` begins for a server, by its place. */
const SERVERS: Readonly<Record<string, string>> = {
  gmail: "gmail:",
  imap: "imaps://",
  lmtp: "lmtp:",
  webhook: "https://",
};

test("the help and the documentation of the command line name each form", () => {
  expect([...FORMATS, ...Object.keys(SERVERS), "command"].sort()).toEqual([...PLACES].sort());
  const rows = fetch.help.sections.flatMap((section) => section.rows ?? []);
  const format = rows.find(([term]) => term === "--format FORMAT")?.[1] ?? "";
  const to = (PLACE_HELP.rows ?? []).flat().join(" ");
  expect(
    [
      ...FORMATS.filter((name) => !new RegExp(`\\b${name}\\b`).test(format)),
      ...Object.values(SERVERS).filter((start) => !to.includes(start)),
    ].map(
      (name) => `the help does not name ${name}: add it to --format or PLACE in src/cli/fetch/to-options.ts`,
    ),
  ).toEqual([]);
  const file = "docs/command-line.md";
  const options = sectionOf(file, "## fetch");
  const servers = sectionOf(file, "### Destinations that are servers");
  const configuration = sectionOf(file, "### The configuration file");
  expect(
    [
      ...PLACES.filter((name) => !codeIn(configuration).some((code) => code.includes(`"${name}":`))),
      ...FORMATS.filter((name) => !codeIn(options).includes(name)),
      ...Object.values(SERVERS).filter((start) => !codeIn(servers).some((code) => code.startsWith(start))),
    ].map((name) => `${name} is not documented: add it to --to or --format, and to the key "to" in ${file}`),
  ).toEqual([]);
});

test("the documentation has a row for each destination", () => {
  for (const [file, heading] of [
    ["docs/destinations.md", undefined],
    ["docs/fetching.md", "## Destinations"],
  ] as const) {
    const named = firstColumn(file, heading).map((code) => /^(?:new )?(\w+)\(/.exec(code)?.[1]);
    expect(
      DESTINATIONS.filter((name) => !named.includes(name)).map(
        (name) => `${name} is not documented: add a row to the table of destinations in ${file}`,
      ),
    ).toEqual([]);
  }
});
