// `popwright fetch` with a webhook as its destination.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verifyWebhook } from "../../src/fetch/index.ts";
import { HttpServer } from "../fetch/destinations/http-server.ts";
import { newDirectory } from "../support/place.ts";
import { annsServer, MESSAGES, urlOf } from "./ann.ts";
import { Terminal } from "./terminal.ts";

const [NEW, OLD] = ["n", "o"].map((letter) => `whsec_${Buffer.alloc(32, letter).toString("base64")}`) as [
  string,
  string,
];

let receiver: HttpServer;
let status: number;
beforeEach(async () => {
  status = 204;
  receiver = await HttpServer.listen(() => ({ status, body: `no ${NEW}` }));
});
afterEach(() => receiver.close());

/** Runs `fetch` with a configuration file, whose destination is `webhook`. */
async function fetchTo(webhook: unknown, env: Record<string, string>): Promise<[Terminal, number]> {
  await using server = await annsServer();
  const directory = await newDirectory();
  const config = join(directory, "mail.json");
  await writeFile(config, JSON.stringify({ accounts: [{ url: urlOf(server), to: { webhook } }] }));
  const terminal = new Terminal();
  Object.assign(terminal.env, env);
  const code = await terminal.run("fetch", "--config", config);
  return [terminal, code];
}

test("posts each message, signed by every secret", async () => {
  const place = { url: receiver.url, allowPrivate: true, secretEnv: "HOOK" };
  const [terminal, code] = await fetchTo(place, { HOOK: `${NEW} ${OLD}` });
  expect(terminal.err).toContain("2 messages delivered");
  expect(code).toBe(0);
  expect(receiver.requests.map(({ body }) => body)).toEqual(MESSAGES);
  for (const { headers, body } of receiver.requests)
    for (const secret of [NEW, OLD]) verifyWebhook(headers, body, secret);
});

test("a receiver that is down ends the run, and what it says of the secret is masked", async () => {
  status = 503;
  const place = { url: receiver.url, allowPrivate: true, format: "json" };
  const [terminal, code] = await fetchTo(place, { POPWRIGHT_WEBHOOK_SECRET: NEW });
  expect(terminal.words).toContain("answered HTTP 503: no ****");
  expect(code).toBe(73);
  expect(receiver.requests).toHaveLength(1);
});

test.each([
  ["https://app.example.com", {}, "the secret of the webhook is missing: set POPWRIGHT_WEBHOOK_SECRET"],
  ["https://app.example.com", { POPWRIGHT_WEBHOOK_SECRET: "hunter2" }, "must be whsec_ and the base64"],
  ["http://app.example.com", {}, "accounts[0].to.webhook is wrong: the URL of a Webhook must begin with"],
  [{ url: "https://app.example.com", format: "xml" }, {}, 'must be "raw" or "json"'],
  [{ url: "https://app.example.com", secret: "hunter2" }, {}, "accounts[0].to.webhook.secret is unknown"],
  [5, {}, "accounts[0].to.webhook must be an object"],
])("%j is refused", async (place, env, words) => {
  const [terminal, code] = await fetchTo(place, env);
  expect(terminal.words).toContain(words);
  expect(terminal.words).not.toContain("hunter2");
  expect(code).toBe(78);
});

test("--to takes a URL, and it leads into no private network", async () => {
  await using server = await annsServer();
  const terminal = new Terminal();
  terminal.env["POPWRIGHT_WEBHOOK_SECRET"] = NEW;
  const state = ["--state", await newDirectory()];
  expect(await terminal.run("fetch", urlOf(server), "--to", "https://127.0.0.1:1/mail", ...state)).toBe(73);
  expect(terminal.words).toContain("belongs to a private network");
  expect(await terminal.run("fetch", urlOf(server), "--to", "Mail", "--format", "webhook", ...state)).toBe(
    78,
  );
});
