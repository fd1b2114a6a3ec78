// `~` in a path is the home directory, in the configuration file and in --option=~/path.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { homePath } from "../../src/cli/home-path.ts";
import { parseConfiguration } from "../../src/cli/fetch/configuration.ts";
import { newDirectory } from "../support/place.ts";
import { annsServer, urlOf } from "./ann.ts";
import { Terminal } from "./terminal.ts";

test.each([
  ["~", "/home/ann"],
  ["~/Mail", "/home/ann/Mail"],
  ["Mail/~", "Mail/~"],
  ["./~bob", "./~bob"],
])("%s", (path, expected) => {
  expect(homePath(path, "/home/ann").replaceAll("\\", "/")).toBe(expected);
});

test("the home directory of another user is unknown", () => {
  expect(() => homePath("~bob/Mail")).toThrow("write the whole path, or ./~bob/Mail for that name");
});

test("a path of the configuration file", () => {
  const account = { url: "pop3s://ann@pop.example.com", to: { maildir: "~/Mail" } };
  const { pathOf } = parseConfiguration(JSON.stringify({ accounts: [account] }), "/etc/mail.json");
  expect(pathOf("~/Mail")).toBe(join(homedir(), "Mail"));
});

test("--to=~bob makes no directory of that name", async () => {
  await using server = await annsServer();
  const directory = await newDirectory();
  const [before, state] = [process.cwd(), join(directory, "state")];
  await mkdir(state);
  await writeFile(join(directory, "here"), "");
  const terminal = new Terminal();
  expect(await terminal.run("fetch", urlOf(server), "--to=~bob/Mail", `--state=${state}`)).toBe(64);
  expect(await readdir(before)).not.toContain("~bob");
});
