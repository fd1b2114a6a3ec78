// `check --to` and `check --config`: the destination is tried as well, and nothing is delivered.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HttpServer } from "../fetch/destinations/http-server.ts";
import { newDirectory } from "../support/place.ts";
import { annsServer, urlOf } from "./ann.ts";
import { Terminal } from "./terminal.ts";

test("a folder that does not exist will be created, and is not", async () => {
  await using server = await annsServer();
  const directory = await newDirectory();
  const terminal = new Terminal();
  expect(await terminal.run("check", urlOf(server), "--to", join(directory, "Mail"))).toBe(0);
  expect(terminal.out).toMatch(
    /^ok {4}end .*\nto .*Mail\nok {4}folder .*Mail will be created\nok {4}space .* free\n$/m,
  );
  expect(await readdir(directory)).toEqual([]);
});

test("the destination alone, and what is wrong with it", async () => {
  const directory = await newDirectory();
  const file = join(directory, "file");
  await writeFile(file, "");
  for (const [args, code, words] of [
    [["--to", file, "--format", "mbox"], 0, "can be written"],
    [["--to", file], 73, "FAIL folder"],
    [["--to", join(file, "Mail")], 73, "FAIL folder"],
    [["--to", directory, "--format", "mbox"], 73, "is not a file"],
    [["--to", "https://app.example.com/"], 78, "the secret of the webhook is missing"],
    [["--to", "ftp://example.com/"], 64, "--to must be"],
    [["--to", "https://ann:hunter2@example.com/"], 64, "--to must not contain a password"],
    [["--to", file, "--to-login", "google"], 64, "--to-login cannot be used with this destination"],
    [["--to", file, "--record", "x"], 64, "--record needs a URL"],
    [[], 64, "URL is missing"],
  ] as const) {
    const terminal = new Terminal();
    expect(await terminal.run("check", ...args), args.join(" ")).toBe(code);
    expect(terminal.words).toContain(words);
    expect(terminal.words).not.toContain("hunter2");
  }
});

test("a webhook is asked what it takes, and gets no message", async () => {
  await using pop3 = await annsServer();
  const receiver = await HttpServer.listen(() => ({ status: 405 }));
  const config = join(await newDirectory(), "mail.json");
  const to = { webhook: { url: receiver.url, allowPrivate: true } };
  await writeFile(config, JSON.stringify({ to, accounts: [{ url: urlOf(pop3) }] }));
  const terminal = new Terminal();
  terminal.env["POPWRIGHT_WEBHOOK_SECRET"] = `whsec_${Buffer.alloc(32).toString("base64")}`;
  expect(await terminal.run("check", "--config", config, "--json")).toBe(0);
  expect(terminal.json).toMatchObject([
    {
      ok: true,
      destination: {
        ok: true,
        steps: [
          { step: "connection", ok: true, text: expect.stringContaining("HTTP 405") as string },
          { step: "signature", ok: true },
        ],
      },
    },
  ]);
  expect(receiver.requests.map(({ method }) => method)).toEqual(["OPTIONS"]);
  await receiver.close();
});

test("all accounts of a configuration, and each destination once", async () => {
  await using server = await annsServer();
  const directory = await newDirectory();
  await mkdir(join(directory, "Mail"));
  const config = join(directory, "mail.json");
  const account = (more: object): object => ({ url: urlOf(server), ...more });
  const write = (accounts: readonly object[]): Promise<void> =>
    writeFile(config, JSON.stringify({ to: { maildir: "Mail" }, accounts }));

  await write([account({ name: "one" }), account({ name: "two" })]);
  const terminal = new Terminal();
  expect(await terminal.run("check", "--config", config)).toBe(0);
  expect(terminal.out).toMatch(/^one\nok {4}connection/);
  expect(terminal.out).toMatch(/\n\ntwo\nok {4}connection/);
  expect(terminal.out).toMatch(/to Mail: as above\n$/);

  await write([
    account({ name: "one", to: { command: ["no-such-program"] } }),
    account({ name: "two", to: { command: [process.execPath] }, passwordEnv: "WRONG" }),
  ]);
  const failing = new Terminal();
  failing.env["WRONG"] = "hunter2";
  expect(await failing.run("check", "--config", config, "--json")).toBe(1);
  expect(failing.json).toMatchObject([
    {
      ok: false,
      mailbox: "one",
      login: true,
      destination: { ok: false, steps: [{ step: "program", ok: false }] },
    },
    { ok: false, mailbox: "two", destination: { ok: true, place: process.execPath } },
  ]);
  expect(failing.words).not.toContain("hunter2");
  expect(await failing.run("check", "--config", config, "--to", "Mail")).toBe(64);
  expect(await failing.run("check", "--config", config, "--record", "x")).toBe(64);
});
