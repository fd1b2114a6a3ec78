// The login rates of known providers are documented, with their servers and their pauses, and no others.
import { expect, test } from "vitest";
import { LOGIN_RATES } from "../../src/protocol/login-rates.ts";
import { codeIn, sectionOf } from "./source.ts";

const FILE = "docs/fetching.md";
const HEADING = "### How often a mailbox is polled";

test("each provider has its row, with its servers and its pause", () => {
  const rows = sectionOf(FILE, HEADING)
    .split("\n")
    .filter((line) => /^\| (?!provider|---)/.test(line))
    .map((line) => line.slice(2).split(" | "));
  const documented = rows.map(([name, hosts = "", pause]) => [name, codeIn(hosts), pause]);
  const known = LOGIN_RATES.map(({ name, hosts, poll }) => {
    const minutes = poll / 60_000;
    return [name, hosts, `${String(minutes)} minute${minutes === 1 ? "" : "s"}`];
  });
  expect(documented, `correct the table below "${HEADING}" in ${FILE}`).toEqual(known);
});
