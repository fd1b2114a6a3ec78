// `fetch` delivers each message once, reports what happens, and ends with the right exit code.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { defaultState } from "../../src/cli/default-state.ts";
import { Progress } from "../../src/cli/fetch/progress.ts";
import { FileLedger } from "../../src/fetch/index.ts";
import type { Fault, Pop3Server, Pop3ServerOptions } from "../../src/testing/index.ts";
import { turns, until } from "../support/turns.ts";
import { annsServer, MESSAGES, urlOf } from "./ann.ts";
import { intercept } from "../support/file-handles.ts";
import { newDirectory } from "../support/place.ts";
import { lineOf, programOf } from "./program.ts";
import { masked } from "../../src/cli/io.ts";
import { Outcome } from "../../src/cli/fetch/outcome.ts";
import { Terminal } from "./terminal.ts";

let directory: string;
let to: string[];
beforeEach(async () => {
  directory = await newDirectory();
  to = ["--to", join(directory, "Mail"), "--state", join(directory, "state")];
});

async function delivered(): Promise<Buffer[]> {
  const folder = join(directory, "Mail", "new");
  const names = await readdir(folder);
  const messages = await Promise.all(names.map((name) => readFile(join(folder, name))));
  return messages.sort((a, b) => a.length - b.length);
}

describe("the default directory of the ledger", () => {
  test.each<[NodeJS.Platform, Record<string, string>, string]>([
    ["linux", { LOCALAPPDATA: "/local" }, "/home/ann/.local/state/popwright"],
    ["darwin", { XDG_STATE_HOME: "" }, "/home/ann/.local/state/popwright"],
    ["linux", { XDG_STATE_HOME: "/xdg" }, "/xdg/popwright"],
    ["win32", { LOCALAPPDATA: "C:\\local" }, "C:\\local\\popwright"],
    ["win32", {}, "\\home\\ann\\AppData\\Local\\popwright"],
    ["win32", { XDG_STATE_HOME: "C:/xdg", LOCALAPPDATA: "C:\\local" }, "C:\\xdg\\popwright"],
  ])("%s, %j", (platform, env, state) => {
    expect(defaultState(env, platform, "/home/ann")).toBe(state);
  });

  test("is used without --state", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    terminal.env["XDG_STATE_HOME"] = directory;
    expect(await terminal.run("fetch", urlOf(server), "--to", join(directory, "Mail"))).toBe(0);
    expect((await readdir(join(directory, "popwright"))).some((name) => name.endsWith(".journal"))).toBe(
      true,
    );
  });
});

describe("one account", () => {
  test("each message comes once, octet for octet", async () => {
    await using server = await annsServer();
    const first = new Terminal();
    expect(await first.run("fetch", urlOf(server), ...to)).toBe(0);
    expect(first.err).toContain("2 messages delivered, 52 B");
    expect(await delivered()).toEqual(MESSAGES);
    const second = new Terminal();
    expect(await second.run("fetch", urlOf(server), ...to)).toBe(0);
    expect(second.err).toContain("no new mail");
    expect(await delivered()).toHaveLength(2);
    expect(first.out + second.out).toBe("");
  });

  test("malformed lines of a listing are reported, also in JSON", async () => {
    const reply = "+OK\r\n1 a\r\n2 b c\r\n.\r\n";
    await using server = await annsServer({ faults: [{ on: "UIDL", nth: "every", reply }] });
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(0);
    expect(terminal.err).toContain(
      '2 messages delivered, 52 B, 1 malformed line in LIST or UIDL, such as "2 b c"',
    );
    const second = new Terminal();
    expect(await second.run("fetch", urlOf(server), ...to, "--json")).toBe(0);
    const lines = [{ command: "UIDL", number: 2, text: "2 b c", reason: "space" }];
    expect(second.json).toContainEqual(expect.objectContaining({ type: "malformed", lines }));
    expect(second.json.at(-1)).toMatchObject({ type: "end", report: { malformed: lines, delivered: 0 } });
  });

  test("--delete deletes delivered messages", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to, "--delete", "delivered")).toBe(0);
    expect(terminal.err).toContain("2 deleted");
    await server.idle();
    expect(server.maildrop("ann").messages).toHaveLength(0);
  });

  test("--messages, --max-size and --first-run select messages", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to, "--messages", "1")).toBe(0);
    expect(terminal.err).toContain("1 message delivered, 22 B, 1 left for the next run");
    expect(await terminal.run("fetch", urlOf(server), ...to, "--max-size", "25")).toBe(0);
    expect(terminal.words).toContain("1 left alone");
    const other = ["--to", join(directory, "Other"), "--state", join(directory, "other")];
    expect(await terminal.run("fetch", urlOf(server), ...other, "--first-run", "1")).toBe(0);
    expect(await readdir(join(directory, "Other", "new"))).toHaveLength(1);
  });

  test.each(["eml", "mbox"])("--format %s", async (format) => {
    await using server = await annsServer();
    expect(await new Terminal().run("fetch", urlOf(server), ...to, "--format", format)).toBe(0);
    if (format === "eml") expect(await readdir(join(directory, "Mail"))).toHaveLength(2);
    else expect(await readFile(join(directory, "Mail"), "latin1")).toMatch(/^From /);
  });

  test("--json prints one event per line", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to, "--json")).toBe(0);
    expect(terminal.json.map(({ type }) => type)).toEqual([
      "begin",
      "listed",
      "delivered",
      "delivered",
      "end",
    ]);
    expect(terminal.err).toBe("");
  });

  test("a signal ends the run cleanly", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    terminal.told = () => {
      if (terminal.json.some(({ type }) => type === "delivered")) terminal.signal.abort();
    };
    const words = [...to, "--json", "--watch", "--delete", "delivered"];
    expect(await terminal.run("fetch", urlOf(server), ...words)).toBe(0);
    expect(terminal.json.at(-1)).toMatchObject({ type: "end" });
    await server.idle();
    // Only the delivered messages are deleted.
    const left = server.maildrop("ann").messages.length;
    expect(left + (await delivered()).length).toBe(2);
  });
});

describe("a run that is stopped after the first message", () => {
  const MANY = Array.from({ length: 400 }, (_, index) => `Subject: ${String(index)}\r\n\r\n`);

  /** Returns the exit code, the number of messages on the server, and the number of delivered messages. */
  async function stopped(...words: string[]): Promise<{ code: number; left: number; got: number }> {
    await using server = await annsServer({ users: { ann: { pass: "secret", messages: MANY } } });
    const terminal = new Terminal();
    terminal.told = () => {
      if (terminal.out.includes('"type":"delivered"')) terminal.signal.abort();
    };
    // Only the command knows the secret.
    delete terminal.env["POPWRIGHT_PASSWORD"];
    const more = ["--json", "--password-command", await lineOf('console.log("secret")'), ...words];
    const code = await terminal.run("fetch", urlOf(server), ...to, ...more);
    expect(terminal.json.at(-1)).toMatchObject({ type: "end", report: { outcome: "stopped" } });
    await server.idle();
    return { code, left: server.maildrop("ann").messages.length, got: (await delivered()).length };
  }

  test("delivered messages are deleted with the password from the command", async () => {
    const { left, got } = await stopped("--delete", "delivered");
    expect(got).toBeGreaterThan(0);
    expect(left).toBeGreaterThan(0);
    expect(left + got).toBe(MANY.length);
  });

  test("the exit code is 75 if mail is left, but 0 with --watch", async () => {
    expect(await stopped()).toMatchObject({ code: 75 });
    to = ["--to", join(directory, "Other"), "--state", join(directory, "other")];
    expect(await stopped("--watch")).toMatchObject({ code: 0 });
  });
});

describe("a reader that has closed the pipe", () => {
  test.each([["--json"], ["--json", "--delete", "delivered"]])(
    "all mail comes nevertheless: %j",
    async (...words) => {
      await using server = await annsServer();
      const terminal = new Terminal();
      terminal.unread = true;
      expect(await terminal.run("fetch", urlOf(server), ...to, ...words)).toBe(0);
      expect(await delivered()).toEqual(MESSAGES);
      await server.idle();
      expect(server.maildrop("ann").messages).toHaveLength(words.length === 1 ? 2 : 0);
    },
  );

  test("the exit code still reports the result", async () => {
    await using server = await annsServer();
    const file = join(directory, "file");
    await writeFile(file, "");
    const terminal = new Terminal();
    terminal.unread = true;
    const words = ["--to", join(file, "Mail"), "--state", join(directory, "state"), "--json"];
    expect(await terminal.run("fetch", urlOf(server), ...words)).toBe(73);
  });
});

describe("on a terminal", () => {
  test("the bar is erased before a line of text", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    terminal.columns = 60;
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(0);
    expect(terminal.err).toMatch(/\r\x1b\[K\[=+\] {2}2\/2 {2}52 B of 52 B\r\x1b\[K/);
    const quiet = new Terminal();
    quiet.columns = 60;
    expect(await quiet.run("fetch", urlOf(server), ...to, "--quiet")).toBe(0);
    expect(quiet.err).toBe("");
  });

  test.each([80, 40, 30, 20, 10])("the bar always fits into %d columns", async (columns) => {
    const lines: string[] = [];
    const progress = new Progress({ columns, write: async (text) => void lines.push(String(text)) });
    const mailbox = "ann";
    await progress.heard({
      ...({ mailbox, type: "listed", messages: 3, octets: 9, toDelete: 0 } as const),
      ...{ toRetrieve: 2, toRetrieveOctets: 4_000_000 },
    });
    for (const received of [0, 1_000_000, 3_000_000, 9_000_000]) {
      await progress.heard({ mailbox, type: "progress", number: 1, received, size: 4_000_000 });
      expect(progress.line(columns).length).toBeLessThan(columns);
    }
    const more = { mailbox, type: "delivered", uid: "u", key: "k", octets: 2_000_000, known: false } as const;
    await progress.heard({ ...more, number: 1 });
    await progress.heard({ ...more, number: 2 });
    expect(lines.at(-1)).toContain("2/2");
    for (const line of lines) expect(line.replace("\r\x1b[K", "").length).toBeLessThan(columns);
  });
});

describe("exit codes", () => {
  const refusing = (refusal: string): Pop3ServerOptions => ({
    users: { ann: { pass: "secret", messages: MESSAGES, refusal } },
  });
  test.each<[string, Pop3ServerOptions, number]>([
    ["success without mail", { users: { ann: { pass: "secret" } } }, 0],
    ["a server that shuts down", { faults: [{ on: "greeting", close: 0 }] }, 69],
    ["not a POP3 server", { faults: [{ on: "greeting", reply: "* OK IMAP\r\n" }] }, 69],
    ["a locked mailbox", refusing("[IN-USE] locked"), 75],
    ["a temporary problem", refusing("[SYS/TEMP] trouble"), 75],
    ["a wrong password", refusing("[AUTH] no"), 77],
    ["no login method", { user: false, apop: false, sasl: [] }, 77],
  ])("%s", async (_, options, code) => {
    await using server = await annsServer(options);
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(code);
    expect(terminal.err).not.toContain("secret");
  });

  test("69: the server refuses every message", async () => {
    const reply = "-ERR no such message\r\n";
    await using server = await annsServer({ faults: [{ on: "RETR", nth: "every", reply }] });
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(69);
    expect(terminal.words).toContain("message 1 was not delivered");
    expect(terminal.words).toContain("message 2 was not delivered");
  });

  test("69: nothing listens at the port", async () => {
    const server = await annsServer();
    await server.close();
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(69);
    expect(terminal.words).toContain("Nothing listens at that port.");
  });

  test("73: the destination cannot be written", async () => {
    await using server = await annsServer();
    const file = join(directory, "file");
    await writeFile(file, "");
    const terminal = new Terminal();
    const state = ["--state", join(directory, "state")];
    expect(await terminal.run("fetch", urlOf(server), "--to", join(file, "Mail"), ...state)).toBe(73);
  });

  test("73: the disk fails, and the system names no file", async () => {
    await using server = await annsServer();
    const failure = Object.assign(new Error("EIO: i/o error, write"), { code: "EIO", syscall: "write" });
    const spy = await intercept("write", () => {
      throw failure;
    });
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(73);
    spy.mockRestore();
    expect(terminal.words).toContain(
      `ann@127.0.0.1:${String(server.port)}: cannot deliver to the destination: EIO: i/o error, write (POP3_DESTINATION)`,
    );
  });

  test("74: the ledger cannot be written", async () => {
    await using server = await annsServer();
    const file = join(directory, "file");
    await writeFile(file, "");
    const terminal = new Terminal();
    const words = ["--to", join(directory, "Mail"), "--state", join(file, "state")];
    expect(await terminal.run("fetch", urlOf(server), ...words)).toBe(74);
  });

  test("75: another run uses the mailbox", async () => {
    await using server = await annsServer();
    const ledger = new FileLedger(join(directory, "state"));
    const held = await ledger.open(`ann@127.0.0.1:${String(server.port)}`);
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(75);
    expect(terminal.words).toContain("Another run uses this mailbox");
    await held.close();
  });

  test("75: it is too early, without --force", async () => {
    await using server = await annsServer({ capabilities: ["LOGIN-DELAY 300"] });
    const terminal = new Terminal();
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(0);
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(75);
    expect(terminal.err).toMatch(
      /too early: the next poll is at [\d-]{10} [\d:]{8}\. Use --force to connect now/,
    );
    expect(await terminal.run("fetch", urlOf(server), ...to, "--force")).toBe(0);
  });
});

describe("several accounts", () => {
  async function configured(text: object): Promise<string> {
    const path = join(directory, "popwright.json");
    await writeFile(path, JSON.stringify(text, undefined, 2));
    return path;
  }

  test("a host that is down is tried a few times, not once for each account", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `user${String(index)}`);
    const users = Object.fromEntries(names.map((name) => [name, { pass: "secret", messages: MESSAGES }]));
    await using server = await annsServer({ users, faults: [{ on: "greeting", nth: "every", reset: 0 }] });
    const accounts = names.map((name) => ({ name, url: urlOf(server, name) }));
    const path = await configured({ to: { maildir: "Mail" }, accounts });
    const terminal = new Terminal();
    expect(await terminal.run("fetch", "--config", path)).toBe(69);
    const held = names.filter((name) =>
      terminal.words.includes(`${name}: not polled, because its host is down (`),
    );
    expect(server.connections).toBeLessThanOrEqual(6);
    expect(held).toHaveLength(20 - server.connections);
    const json = new Terminal();
    expect(await json.run("fetch", "--config", path, "--json")).toBe(69);
    expect(json.json).toContainEqual(
      expect.objectContaining({
        type: "end",
        report: expect.objectContaining({
          outcome: "deferred",
          hostDown: expect.objectContaining({ code: "POP3_RESET" }) as unknown,
        }) as unknown,
      }),
    );
    const failures = json.json.filter(({ type }) => type === "failed");
    expect(failures[0]).toMatchObject({ error: { code: "POP3_RESET", scope: "host" } });
  });

  test("an account that fails does not stop the other", async () => {
    const users = {
      ann: { pass: "secret", messages: MESSAGES },
      bob: { pass: "other", messages: MESSAGES },
    };
    await using server = await annsServer({ users });
    const terminal = new Terminal();
    terminal.env["BOB"] = "wrong";
    const path = await configured({
      to: { maildir: "Mail" },
      policy: { delete: "never" },
      accounts: [
        { name: "ann", url: urlOf(server), policy: { delete: "delivered" } },
        { name: "bob", url: urlOf(server, "bob"), passwordEnv: "BOB", to: { eml: "Bob" } },
      ],
    });
    expect(await terminal.run("fetch", "--config", path)).toBe(1);
    expect(terminal.words).toContain("ann: 2 messages delivered");
    expect(terminal.words).toContain("bob: the server refused");
    expect(await delivered()).toEqual(MESSAGES);
    expect(await readdir(directory)).toEqual(expect.arrayContaining(["Mail", "state"]));
    await server.idle();
    expect([server.maildrop("ann").messages.length, server.maildrop("bob").messages.length]).toEqual([0, 2]);
    terminal.env["BOB"] = "other";
    expect(await terminal.run("fetch", "--config", path, "--force", "--messages", "1")).toBe(0);
    expect(await readdir(join(directory, "Bob"))).toHaveLength(1);
  });

  test("the exit code is that of the accounts if all fail in the same way", async () => {
    await using server = await annsServer();
    const terminal = new Terminal();
    terminal.env["POPWRIGHT_PASSWORD"] = "wrong";
    const accounts = ["ann", "bob"].map((user) => ({ url: urlOf(server, user), to: { eml: user } }));
    expect(await terminal.run("fetch", "--config", await configured({ accounts }))).toBe(77);
  });

  test("a program that receives mail gets no secrets", async () => {
    const users = Object.fromEntries(
      ["ann", "bob"].map((name) => [name, { pass: name, messages: MESSAGES }]),
    );
    await using server = await annsServer({ users });
    const terminal = new Terminal();
    Object.assign(terminal.env, {
      // The whole environment: on Windows no program starts without some of its variables.
      ...process.env,
      ...{ HOME: directory, POPWRIGHT_PASSWORD: "ann", POPWRIGHT_TOKEN: "token", BOB: "bob", EVE: "eve" },
    });
    const seen = join(directory, "seen");
    const program = await programOf(`
      import { appendFileSync } from "node:fs";
      const lines = Object.entries(process.env).map(([name, value]) => name + "=" + value + "\\n");
      appendFileSync(process.argv[2], lines.join(""));
      process.stdin.resume();
    `);
    const path = await configured({
      to: { command: [...program, seen] },
      accounts: [
        { url: urlOf(server) },
        { url: urlOf(server, "bob"), passwordEnv: "BOB" },
        { url: urlOf(server, "eve"), tokenEnv: "EVE", to: { eml: "Eve" } },
      ],
    });
    expect(await terminal.run("fetch", "--config", path)).toBe(1);
    const env = await readFile(seen, "utf8");
    expect(env.match(/^POPWRIGHT_MAILBOX=(?:ann|bob)@/gm)).toHaveLength(4);
    expect(env).toContain(`HOME=${directory}`);
    expect(env).not.toMatch(/^(?:POPWRIGHT_PASSWORD|POPWRIGHT_TOKEN|BOB|EVE)=/m);
  });

  test("a command that prints a secret gets no other secrets", async () => {
    const users = Object.fromEntries(
      ["ann", "bob", "eve"].map((name) => [name, { pass: name, messages: MESSAGES }]),
    );
    await using server = await annsServer({ users });
    const terminal = new Terminal();
    Object.assign(terminal.env, process.env, {
      HOME: directory,
      POPWRIGHT_PASSWORD: "p1",
      POPWRIGHT_PROXY: "",
      ANN: "p2",
      BOB: "bob",
      EVE: "p3",
      CONTEXT: "kept",
    });
    const seen = join(directory, "seen");
    const program = await programOf(`
      import { appendFileSync } from "node:fs";
      const lines = Object.entries(process.env).map(([name, value]) => name + "=" + value + "\\n");
      appendFileSync(process.argv[3], lines.join(""));
      console.log(process.argv[2]);
    `);
    const path = await configured({
      to: { eml: "Mail" },
      accounts: [
        { url: urlOf(server), passwordEnv: "ANN", passwordCommand: [...program, "ann", seen] },
        { url: urlOf(server, "bob"), passwordEnv: "BOB" },
        { url: urlOf(server, "eve"), passwordEnv: "EVE", passwordCommand: [...program, "eve", seen] },
      ],
    });
    expect(await terminal.run("fetch", "--config", path)).toBe(0);
    const env = await readFile(seen, "utf8");
    expect(env.match(/^CONTEXT=kept$/gm)).toHaveLength(2);
    expect(env).toContain(`HOME=${directory}`);
    expect(env).not.toMatch(/^(?:POPWRIGHT_PASSWORD|POPWRIGHT_PROXY|ANN|BOB|EVE)=/m);
  });

  test("78: duplicate accounts and unknown mechanisms are rejected before connecting", async () => {
    await using server = await annsServer();
    const account = { url: urlOf(server), to: { maildir: "Mail" } };
    for (const [accounts, words] of [
      [[account, account], /popwright\.json:\d+: accounts\[1\]\.url must be unique: another account/],
      [
        [
          { ...account, name: "box" },
          { name: "box", ...account, url: urlOf(server, "bob") },
        ],
        /popwright\.json:\d+: accounts\[1\]\.name must be unique: another account is also called box/,
      ],
      [[{ ...account, mechanism: "PLAINEST" }], /popwright\.json:\d+: accounts\[0\]\.mechanism is wrong/],
    ] as const) {
      const terminal = new Terminal();
      expect(await terminal.run("fetch", "--config", await configured({ accounts }))).toBe(78);
      expect(terminal.words).toMatch(words);
    }
    expect(server.connections).toBe(0);
  });

  test("78: the configuration file is wrong or missing", async () => {
    const terminal = new Terminal();
    const path = await configured({ accounts: [], extra: 1 });
    expect(await terminal.run("fetch", "--config", path)).toBe(78);
    expect(terminal.words).toContain("extra is unknown");
    expect(await terminal.run("fetch", "--config", join(directory, "none"))).toBe(78);
    expect(terminal.words).toContain("cannot read");
  });
});

describe("a server that is too slow", () => {
  afterEach(() => void vi.useRealTimers());

  /** Runs `fetch`. Advances the clock second by second after the server has received `command`. */
  async function fetchSlowly(server: Pop3Server, command: string, ...options: string[]): Promise<Terminal> {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const terminal = new Terminal();
    let over = false as boolean; // set in a callback that the compiler does not see
    const run = terminal.run("fetch", urlOf(server), ...to, ...options).finally(() => (over = true));
    await until(() => over || server.transcript.lines.some((line) => line.startsWith(`C: ${command}`)));
    while (!over) {
      await turns(10);
      vi.advanceTimersByTime(1000);
    }
    expect(await run).toBe(69);
    return terminal;
  }

  const SILENT: Partial<Fault> = { stall: 5 };
  /** 33 bytes per second, without end. */
  const TRICKLE: Partial<Fault> = {
    split: 33,
    interval: 1000,
    reply: "+OK\r\n",
    flood: "12 345678901234567890123456789\r\n",
  };

  test.each([
    ["CAPA", SILENT],
    ["CAPA", TRICKLE],
    ["LIST", SILENT],
    ["LIST", TRICKLE],
    ["UIDL", SILENT],
    ["UIDL", TRICKLE],
    ["RETR", SILENT],
    ["RETR", TRICKLE],
  ])("the run ends after %s with %j", async (on, fault) => {
    await using server = await annsServer({ faults: [{ on, nth: "every", ...fault }] });
    const terminal = await fetchSlowly(server, on);
    expect(terminal.err).toMatch(/POP3_[A-Z]+_TIMEOUT/);
  });

  test("--message-seconds skips a slow message and delivers the others", async () => {
    await using server = await annsServer({ faults: [{ on: "RETR", ...SILENT }] });
    const terminal = await fetchSlowly(server, "RETR", "--message-seconds", "20");
    expect(terminal.words).toContain(
      "message 1 was not delivered (the message took longer than 20 seconds (policy.limits.messageSeconds))",
    );
    expect(terminal.err).toContain("1 message delivered");
    expect(await delivered()).toEqual([MESSAGES[1]]);
  });

  test("--seconds interrupts the current message, and the next run delivers it", async () => {
    await using server = await annsServer({ faults: [{ on: "RETR", ...SILENT }] });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const terminal = new Terminal();
    const run = terminal.run("fetch", urlOf(server), ...to, "--seconds", "20");
    await until(() => server.transcript.lines.some((line) => line.startsWith("C: RETR")));
    await turns();
    vi.advanceTimersByTime(20_001);
    expect(await run).toBe(0);
    expect(terminal.words).toContain("no new mail, 2 left for the next run");
    expect(await terminal.run("fetch", urlOf(server), ...to)).toBe(0);
    expect(await delivered()).toEqual(MESSAGES);
  });
});

test("a run without new mail names the ledger that knows the mail", async () => {
  await using server = await annsServer();
  const directory = await newDirectory();
  const state = join(directory, "state");
  const args = ["fetch", urlOf(server), "--state", state, "--force", "--to"];
  expect(await new Terminal().run(...args, join(directory, "A"))).toBe(0);
  const terminal = new Terminal();
  expect(await terminal.run(...args, join(directory, "B"))).toBe(0);
  expect(terminal.words).toContain(`no new mail (2 fetched before; ledger: ${state})`);
});

test("the name of a mailbox cannot control the terminal", async () => {
  await using server = await annsServer();
  const terminal = new Terminal();
  const url = urlOf(server).replace("ann@", "ann%1b%5b31m%e2%80%ae@");
  expect(url).toContain("%1b");
  const state = ["--state", await newDirectory()];
  expect(await terminal.run("fetch", url, ...state, "--to", "Mail")).not.toBe(0);
  await terminal.run("retry", url, ...state);
  await terminal.run("ledger", "delete", url, ...state);
  expect(terminal.words).toContain("ann\\x1b[31m\\u202e@");
  expect(terminal.words).not.toMatch(/[\x1b\u202e]/);
});

test("the first signal says what the run waits for", async () => {
  const task = { targets: [], state: "state", sameLedger: "", retryWords: "" };
  const flags = { watch: false, force: false, dryRun: false, json: false, quiet: false };
  const terminal = new Terminal();
  const outcome = new Outcome(task, flags, masked(terminal.io));
  await outcome.stopping();
  expect(terminal.err).toBe("");
  await outcome.heard({ mailbox: "ann", type: "begin" });
  await outcome.stopping();
  expect(terminal.err).toMatch(/^finishing the current message; Ctrl\+C again stops at once/);
  const progress = { type: "progress", number: 3, received: 14e6, size: 203e6 } as const;
  await outcome.heard({ mailbox: "ann", ...progress });
  await outcome.stopping();
  expect(terminal.err).toContain("finishing message 3 (14.0 MB of 203 MB); Ctrl+C again stops at once");

  await using server = await annsServer();
  const directory = await newDirectory();
  const running = new Terminal();
  running.columns = 80;
  running.heard = (text) => {
    if (text.includes("0/2")) running.signal.abort();
  };
  const words = ["--to", join(directory, "A"), "--state", join(directory, "state")];
  await running.run("fetch", urlOf(server), ...words);
  expect(running.words).toContain("finishing the current message; Ctrl+C again stops at once");
});
