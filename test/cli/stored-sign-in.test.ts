// The commands use a sign-in of `popwright login`: they refresh its tokens, and store a refresh token that replaces the old
// one. The whole way also runs as processes, with a browser that the test plays.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { Pop3Server } from "../../src/testing/index.ts";
import { Gate } from "../support/gate.ts";
import { IdentityProvider, RawReply, type Answer } from "../support/identity-provider.ts";
import { obstacles, place } from "../support/obstacles.ts";
import { newDirectory } from "../support/place.ts";
import { fileOf, grant, provider, terminalIn, visit } from "./login.ts";
import type { Terminal } from "./terminal.ts";

const MESSAGES = ["Subject: one\r\n\r\n1\r\n", "Subject: two\r\n\r\n2\r\n"];

/** Refresh tokens that count once: each reply has the next one. */
const rotating: Answer = (form, nth) =>
  form["refresh_token"] === `hunter2-refresh-${nth - 1}`
    ? { access_token: "hunter2-access", expires_in: 3600, refresh_token: `hunter2-refresh-${nth}` }
    : { error: "invalid_grant" };

const anns = (accessToken = "hunter2-access"): Promise<Pop3Server> =>
  Pop3Server.listen({
    users: {
      "ann@gmail.com": { accessToken, messages: MESSAGES },
      "shared@gmail.com": { accessToken, messages: MESSAGES },
    },
    sasl: ["XOAUTH2"],
  });

const urlOf = (server: Pop3Server, user = "ann%40gmail.com"): string =>
  `pop3://${user}@127.0.0.1:${server.port}?stls=never`;

async function signedIn({ url }: { readonly url: string }, name?: string): Promise<string> {
  const directory = await newDirectory();
  await mkdir(dirname(fileOf(directory)), { recursive: true });
  await writeFile(
    fileOf(directory, name),
    JSON.stringify({
      tokenUrl: `${url}/token`,
      clientId: "client-1",
      clientSecret: "hunter2-client",
      refreshToken: "hunter2-refresh-0",
    }),
  );
  return directory;
}

const refreshTokenIn = async (directory: string): Promise<unknown> =>
  (JSON.parse(await readFile(fileOf(directory), "utf8")) as { refreshToken?: unknown }).refreshToken;

async function run(directory: string, ...args: string[]): Promise<{ terminal: Terminal; code: number }> {
  const terminal = terminalIn(directory);
  const code = await terminal.run(...args);
  expect(terminal.words).not.toContain("hunter2");
  return { terminal, code };
}

test.each([["list"], ["check"], ["fetch", "--dry-run"]])("%s logs in with it", async (command, ...more) => {
  await using google = await IdentityProvider.listen(rotating);
  await using server = await anns();
  const directory = await signedIn(google);
  const { code, terminal } = await run(directory, command, urlOf(server), "--login", "google", ...more);
  expect(terminal.err).not.toContain("popwright:");
  expect(code).toBe(0);
  expect(google.requests).toEqual([
    {
      grant_type: "refresh_token",
      refresh_token: "hunter2-refresh-0",
      client_id: "client-1",
      client_secret: "hunter2-client",
    },
  ]);
  expect(await refreshTokenIn(directory)).toBe("hunter2-refresh-1");
});

test.each(obstacles)("%s in place of the file is not used: it may be of another user", async (obstacle) => {
  await using google = await IdentityProvider.listen(rotating);
  await using server = await anns();
  const directory = await signedIn(google);
  const path = fileOf(directory);
  const content = await readFile(path);
  await rm(path);
  const untouched = await place(obstacle, path);
  if (obstacle.includes("link")) await writeFile(join(dirname(path), "precious"), content);
  const { code, terminal } = await run(directory, "list", urlOf(server), "--login", "google");
  expect(terminal.words).toContain("cannot read the sign-in in ");
  expect(code).toBe(78);
  expect(google.requests).toEqual([]);
  if (!obstacle.includes("link")) expect(await untouched()).toEqual({ isUntouched: true });
});

test("a file that others can write to is not used", async () => {
  await using google = await IdentityProvider.listen(rotating);
  await using server = await anns();
  const directory = await signedIn(google);
  await chmod(fileOf(directory), 0o666);
  const { code, terminal } = await run(directory, "list", urlOf(server), "--login", "google");
  expect(terminal.words).toContain("can be written to by other users. Remove or rename it");
  expect(code).toBe(78);
  expect(google.requests).toEqual([]);
});

test("the address of the sign-in may differ from the mailbox", async () => {
  await using google = await IdentityProvider.listen(rotating);
  await using server = await anns();
  const directory = await signedIn(google);
  const url = urlOf(server, "shared%40gmail.com");
  expect((await run(directory, "list", url, "--login", "google:ann@gmail.com")).code).toBe(0);
});

test("a token that the mail server refuses is replaced once", async () => {
  await using google = await IdentityProvider.listen(grant());
  await using server = await anns("hunter2-access-2");
  const directory = await signedIn(google);
  expect((await run(directory, "list", urlOf(server), "--login", "google")).code).toBe(0);
  expect(google.requests).toHaveLength(2);
});

test("accounts of the configuration file share it, and ask once", async () => {
  await using google = await IdentityProvider.listen(rotating);
  await using server = await anns();
  const directory = await signedIn(google);
  const config = join(directory, "mail.json");
  const accounts = [
    { url: urlOf(server), login: "google" },
    { url: urlOf(server, "shared%40gmail.com"), login: "google:ann@gmail.com" },
  ];
  await writeFile(config, JSON.stringify({ to: { maildir: "Mail" }, accounts }));
  const { code, terminal } = await run(directory, "fetch", "--config", config, "--json");
  expect(terminal.err).toBe("");
  expect(code).toBe(0);
  expect(google.requests).toHaveLength(1);
});

test.each([
  [{ login: "yahoo" }, "accounts[0].login is wrong: the provider must be google or microsoft"],
  [{ login: "google", tokenEnv: "TOKEN" }, "accounts[0].login cannot be combined with tokenEnv"],
  [{ login: "google:ann" }, "accounts[0].login is wrong: the sign-in must name the address"],
  [{ logn: "google" }, "accounts[0].logn is unknown: did you mean login?"],
])("the configuration file refuses %j", async (keys, words) => {
  const directory = await newDirectory();
  const config = join(directory, "mail.json");
  const accounts = [{ url: "pop3s://ann%40gmail.com@pop.gmail.com", ...keys }];
  await writeFile(config, JSON.stringify({ to: { maildir: "Mail" }, accounts }));
  const { code, terminal } = await run(directory, "fetch", "--config", config);
  expect(terminal.words).toContain(words);
  expect(code).toBe(78);
});

test.each([
  [["--login", "google", "--token-command", "x"], 64, "cannot be combined: both say where"],
  [["--login", "yahoo"], 64, "the provider must be google or microsoft"],
  [
    ["--login", "microsoft"],
    78,
    "ann@gmail.com has not signed in: run `popwright login microsoft ann@gmail.com` first",
  ],
])("%j is refused", async (args, expected, words) => {
  await using server = await anns();
  const { code, terminal } = await run(await newDirectory(), "list", urlOf(server), ...args);
  expect(terminal.words).toContain(words);
  expect(code).toBe(expected);
});

test.each(["", "hunter2", "{}", '{"tokenUrl":"hunter2","clientId":5}'])(
  "a damaged file is told, and not shown: %j",
  async (content) => {
    await using server = await anns();
    const directory = await signedIn({ url: "http://127.0.0.1:1" });
    await writeFile(fileOf(directory), content);
    const { code, terminal } = await run(directory, "list", urlOf(server), "--login", "google");
    expect(terminal.words).toContain("cannot read the sign-in in");
    expect(code).toBe(78);
  },
);

test.each([
  [{ error: "invalid_grant", error_description: "Token has been expired or revoked." }, 77, "seven days"],
  [new RawReply(429, { "retry-after": "60" }, ""), 75, "try again later"],
  [new RawReply(404, {}, ""), 69, "check tokenUrl"],
])("the token server answers with %j", async (answer, expected, words) => {
  await using google = await IdentityProvider.listen(() => answer);
  await using server = await anns();
  const directory = await signedIn(google);
  for (const command of ["list", "check"]) {
    const { code, terminal } = await run(directory, command, urlOf(server), "--login", "google");
    expect(terminal.words).toContain(words);
    expect(code).toBe(expected);
  }
  const mail = ["--to", join(directory, "mail"), "--state", join(directory, "state")];
  const fetched = await run(directory, "fetch", urlOf(server), "--login", "google", ...mail);
  expect(fetched.code).toBe(expected);
});

const root = join(import.meta.dirname, "../..");
const tsx = pathToFileURL(join(root, "node_modules/tsx/dist/esm/index.mjs")).href;

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/**
 * Loads the command, says so, and runs it when it is told to: how long a process takes to start does not count
 * among the waiting times of the command.
 */
const START = `
  await import("./src/cli/run.ts");
  process.send("loaded");
  await new Promise((resolve) => process.once("message", resolve));
  process.disconnect();
  await import("./src/cli/main.ts");
`;

/** Loads the command in a process of its own, without a terminal. A message starts it. */
function load(directory: string, ...words: string[]): ChildProcess & { readonly ended: Promise<Ended> } {
  const args = ["--import", tsx, "--input-type=module", "--eval", START, "popwright", ...words];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: {
      ...process.env,
      DEBUG: "popwright:*",
      XDG_STATE_HOME: directory,
      POPWRIGHT_CLIENT_SECRET: "hunter2-client",
    },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  // Both are pipes.
  const [stdout, stderr] = [child.stdout as Readable, child.stderr as Readable];
  const ended = Promise.all([text(stdout), text(stderr), once(child, "close")]).then(
    ([out, err, [code]]) => ({ stdout: out, stderr: err, code: code as number | null }),
  );
  return Object.assign(child, { ended });
}

/** Starts the command in each of these processes, as soon as all of them have loaded it. */
async function startTogether(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(children.map((child) => once(child, "message")));
  for (const child of children) child.send("start");
}

test("processes: sign in, and list the mail", async () => {
  await using google = await provider();
  await using server = await anns("hunter2-access-2");
  const directory = await newDirectory();
  const words = ["login", "google", "ann@gmail.com", "--client-id", "client-1", "--no-browser"];
  const child = load(directory, ...words, "--authority", google.url);
  await startTogether([child]);
  let visited: Promise<string> | undefined;
  let printed = "";
  child.stdout?.on("data", (piece: Buffer) => {
    printed += String(piece);
    if (printed.endsWith("\n")) visited ??= visit(printed.trim());
  });
  const signIn = await child.ended;
  expect(signIn.stderr).toContain("ann@gmail.com has signed in");
  expect(signIn.code).toBe(0);
  expect(await visited).toContain("You can close this window.");
  expect(signIn.stdout).toMatch(/^http:\S+\n$/);
  const listing = load(directory, "list", urlOf(server), "--login", "google");
  await startTogether([listing]);
  const list = await listing.ended;
  expect(list.stdout).toContain("1 ");
  expect(list.code).toBe(0);
  for (const each of [signIn, list]) expect(`${each.stdout}${each.stderr}`).not.toContain("hunter2");
});

test("processes that refresh at the same time use each refresh token once", async () => {
  const gate = new Gate();
  await using google = await IdentityProvider.listen(async (form, nth, signIn) => {
    // Both processes run by then: the second one waits for the first.
    if (nth === 1) await gate.opened;
    return rotating(form, nth, signIn);
  });
  await using server = await anns();
  const directory = await signedIn(google);
  const children = [1, 2, 3].map(() => load(directory, "list", urlOf(server), "--login", "google"));
  await startTogether(children);
  // Each has connected: the next thing that it does is to ask for a token.
  // The pause leaves the processor to them: the first one waits for its token for 30 seconds.
  while (server.transcript.toString().split("C: CAPA").length < 4)
    await new Promise((resolve) => setTimeout(resolve, 50));
  gate.open();
  for (const { ended } of children) expect((await ended).code).toBe(0);
  expect(google.requests.map((form) => form["refresh_token"])).toEqual([
    "hunter2-refresh-0",
    "hunter2-refresh-1",
    "hunter2-refresh-2",
  ]);
  expect(await refreshTokenIn(directory)).toBe("hunter2-refresh-3");
});
