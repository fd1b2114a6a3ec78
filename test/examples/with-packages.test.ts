// The examples with packages of their own run as they are, against the embedded server.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Webhook } from "popwright/fetch";
import { Pop3Server } from "popwright/testing";
import { deliver } from "../support/delivery.ts";
import { scratch } from "../support/scratch.ts";
import { start } from "./program.ts";

const MESSAGES = ["Subject: one\r\n\r\n1\r\n", "Subject: two\r\n\r\n2\r\n"];

let server: Pop3Server;
let folder: string;
let env: Record<string, string>;
beforeEach(async () => {
  folder = await scratch();
  server = await Pop3Server.listen({ users: { ann: { pass: "hunter2", messages: MESSAGES } }, tls: true });
  await writeFile(join(folder, "ca.pem"), server.ca);
  env = { POP3_URL: `pop3s://ann:hunter2@${server.host}:${server.port}` };
});
afterEach(async () => {
  await server.close();
});

test("logging-pino.ts writes the session into each line, and no secret", async () => {
  const { stdout, code } = await start(["logging-pino.ts"], folder, { ...env, LOG_LEVEL: "debug" }).outcome;
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(new Set(lines.map(({ session }) => session)).size).toBe(1);
  expect(lines.find(({ msg }) => msg === "mailbox")).toMatchObject({ count: 2, size: 38 });
  const wire = lines.filter(({ area }) => area === "wire");
  expect(wire.map(({ line }) => line)).toContain("STAT");
  expect(wire.every(({ job }) => job === "count")).toBe(true);
  expect(stdout).not.toMatch(/hunter2|"ann"/);
});

test("logging-pino.ts logs an error with its code and its session", async () => {
  const wrong = { POP3_URL: String(env["POP3_URL"]).replace("hunter2", "hunter3") };
  const { stdout, code } = await start(["logging-pino.ts"], folder, wrong).outcome;
  expect(code).toBe(1);
  const last = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as object;
  expect(last).toMatchObject({ msg: "failed", err: { code: "POP3_AUTH_REJECTED" } });
  expect(stdout).not.toContain("hunter");
});

test("opentelemetry.ts makes a tree of spans", async () => {
  const { stdout, stderr, code } = await start(["opentelemetry.ts"], folder, env).outcome;
  expect(code, stderr).toBe(0);
  // Each span is printed as an object, in which its own fields come first.
  const spans = stdout.split(/^\{/m).flatMap((text) => {
    const [, id] = /^ {2}id: '(.*)'/m.exec(text) ?? [];
    const [, name] = /^ {2}name: '(.*)'/m.exec(text) ?? [];
    const [, parent] = /^ {2}parentSpanContext: \{[^}]*spanId: '(.*)'/m.exec(text) ?? [];
    return id === undefined ? [] : [{ id, name, parent }];
  });
  const names = new Map(spans.map(({ id, name }) => [id, name]));
  const tree = spans.map(({ name, parent }) => `${String(names.get(parent ?? ""))} > ${String(name)}`);
  expect(tree.filter((edge) => edge === "POP3 fetch > POP3 message")).toHaveLength(2);
  expect(tree.filter((edge) => edge === "POP3 message > store")).toHaveLength(2);
  expect(tree).toEqual(
    expect.arrayContaining([
      "undefined > import",
      "import > POP3 fetch",
      "POP3 fetch > POP3 connect",
      "POP3 connect > POP3 greeting",
      "POP3 fetch > POP3 QUIT",
    ]),
  );
  expect(tree.filter((edge) => edge.startsWith("undefined"))).toEqual(["undefined > import"]);
  expect(stdout).toContain("'network.protocol.name': 'pop3'");
  expect(stdout).not.toContain("hunter2");
});

test("prometheus.ts counts runs, messages, bytes and commands", async () => {
  const program = start(["prometheus.ts"], folder, { ...env, PORT: "0" });
  await program.until(/2 messages delivered/);
  const [, url = ""] = await program.until(/metrics at (.*)/);
  const metrics = await (await fetch(url)).text();
  program.child.kill("SIGTERM");
  for (const line of [
    'popwright_messages_total{outcome="delivered"} 2',
    "popwright_received_bytes_total 38",
    'popwright_runs_total{outcome="ok"} 1',
    'popwright_command_seconds_count{command="RETR"} 2',
    'popwright_command_seconds_count{command="greeting"} 1',
  ])
    expect(metrics.split("\n")).toContain(line);
  expect(metrics).not.toContain("ann");
  expect((await program.outcome).code).toBe(0);
  expect(await readdir(join(folder, "mail/Maildir/new"))).toHaveLength(2);
});

test("fastify-webhook.ts stores each message once, and no unsigned one", async () => {
  const secrets = ["a", "b"].map((letter) => `whsec_${Buffer.alloc(32, letter).toString("base64")}`);
  const [right = "", wrong = ""] = secrets;
  const program = start(["fastify-webhook.ts", "mail"], folder, { WEBHOOK_SECRET: right, PORT: "0" });
  const [url = ""] = await program.until(/http:\/\/127[\d.:]+/);
  const message = Buffer.from("Subject: \xff\r\n\r\n", "latin1");
  const receiver = new Webhook(url, { secrets: right, allowPrivate: true });
  expect(await deliver(receiver, "one", message)).toBe("new");
  expect(await deliver(receiver, "one", message)).toBe("known");
  for (const options of [{ secrets: wrong }, {}])
    await expect(
      deliver(new Webhook(url, { ...options, allowPrivate: true }), "two", message),
    ).rejects.toThrow("answered HTTP 401");
  program.child.kill("SIGTERM");
  expect((await program.outcome).code).toBe(0);
  const [name = "", ...others] = await readdir(join(folder, "mail"));
  expect(others).toEqual([]);
  expect(name).toMatch(/^[0-9a-f]{64}\.eml$/);
  expect(await readFile(join(folder, "mail", name))).toEqual(message);
});
