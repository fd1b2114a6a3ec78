// A program as the destination gets no variable with a secret, whatever its name.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseConfiguration } from "../../../src/cli/fetch/configuration.ts";
import { SECRET_VARIABLES } from "../../../src/cli/secret-variables.ts";
import { newDirectory } from "../../support/place.ts";
import { annsServer, urlOf } from "../ann.ts";
import { programOf } from "../program.ts";
import { Terminal } from "../terminal.ts";

test("it gets the environment without the usual variables, and without those that the file names", async () => {
  await using server = await annsServer();
  const directory = await newDirectory();
  const seen = join(directory, "seen.json");
  const command = await programOf(
    `import { writeFileSync } from "node:fs"; writeFileSync(${JSON.stringify(seen)}, JSON.stringify(process.env));`,
  );
  const config = join(directory, "mail.json");
  const accounts = [{ url: urlOf(server), passwordEnv: "MINE", to: { command } }];
  await writeFile(config, JSON.stringify({ accounts }));
  const terminal = new Terminal();
  for (const name of SECRET_VARIABLES) terminal.env[name] = "hunter2";
  Object.assign(terminal.env, { MINE: "secret", PLAIN: "plain" });
  expect(await terminal.run("fetch", "--config", config)).toBe(0);
  const got = JSON.parse(await readFile(seen, "utf8")) as Readonly<Record<string, string>>;
  expect(got["PLAIN"]).toBe("plain");
  expect(Object.keys(got).filter((name) => name === "MINE" || SECRET_VARIABLES.includes(name))).toEqual([]);
});

test("the file names the secrets of other accounts and of all destinations", () => {
  const url = "pop3s://ann@pop.example.com";
  const accounts = [
    { to: { imap: { url: "imaps://ann@imap.example.com", passwordEnv: "IMAP_PASSWORD" } } },
    { to: { imap: { url: "imaps://ann@imap.example.com", tokenEnv: "IMAP_TOKEN" } }, tokenEnv: "POP_TOKEN" },
    { to: { gmail: { address: "ann@gmail.com", tokenEnv: "GMAIL_TOKEN" } } },
    { to: { lmtp: { url: "smtps://ann@mail.example.com/ann@example.com", passwordEnv: "SMTP_PASSWORD" } } },
    { to: { webhook: { url: "https://app.example.com/", secretEnv: "HOOK" } } },
  ].map((account, index) => ({ ...account, url, name: String(index) }));
  const { secrets } = parseConfiguration(JSON.stringify({ accounts }), "mail.json");
  expect([...secrets].filter((name) => !SECRET_VARIABLES.includes(name)).sort()).toEqual([
    "GMAIL_TOKEN",
    "HOOK",
    "IMAP_PASSWORD",
    "IMAP_TOKEN",
    "POP_TOKEN",
    "SMTP_PASSWORD",
  ]);
});
