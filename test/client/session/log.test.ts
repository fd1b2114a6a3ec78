// The log: the lines of one session are told from those of another, in a logger in the form of pino and by `debug`.
import createDebug from "debug";
import pino from "pino";
import { afterEach, describe, expect, test } from "vitest";
import { inspect } from "node:util";
import { fetchMail, MemoryLedger, newMail } from "../../../src/fetch/index.ts";
import { Pop3Client, Pop3Pool, type Pop3LogFacts, type Pop3Logger } from "../../../src/index.ts";
import { Pop3Server } from "../../../src/testing/index.ts";
import { failureOf } from "../../support/outcome.ts";
import { SECRET } from "../../support/secret.ts";
import { turns } from "../../support/turns.ts";

const serve = (): Promise<Pop3Server> =>
  Pop3Server.listen({
    users: {
      ann: { pass: SECRET, messages: ["Subject: 1\r\n\r\n1\r\n", "Subject: 2\r\n\r\n2\r\n"] },
      bob: { pass: SECRET },
    },
  });
const account = ({ host, port }: Pop3Server, user = "ann") =>
  ({ host, port, secure: false, stls: "never", auth: { user, pass: SECRET } }) as const;

interface Line extends Pop3LogFacts {
  readonly level: string;
  readonly msg: string;
  readonly line?: string;
}

/** A logger that keeps its lines. */
function keeping(off: readonly string[] = []): { readonly lines: Line[]; readonly logger: Pop3Logger } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (facts: Pop3LogFacts, msg: string): void =>
      void lines.push({ ...facts, level, msg });
  const isLevelEnabled = (level: string): boolean => !off.includes(level);
  return { lines, logger: { debug: at("debug"), info: at("info"), warn: at("warn"), isLevelEnabled } };
}

describe("a client", () => {
  test("writes what it does, and what goes over the wire, each line with its id", async () => {
    await using server = await serve();
    const { lines, logger } = keeping();
    const client = await Pop3Client.connect({ ...account(server), logger, id: "nightly" });
    await client.retr(1);
    await client.dele(1);
    await client.quit();
    expect(new Set(lines.map(({ session }) => session))).toEqual(new Set(["nightly"]));
    const told = lines.filter(({ area }) => area === "session");
    expect(told.map(({ level, msg }) => `${level} ${msg.replace(/ .*port.*/, " …")}`)).toEqual([
      "info connected …",
      expect.stringMatching(/^info logged in with [A-Z0-9-]+$/),
      "info committed: 1 messages deleted",
      "info the session has ended",
    ]);
    expect(told[2]).toMatchObject({ deleted: 1 });
    expect(told[3]).toMatchObject({ commands: expect.any(Number) as number });
    const wire = lines.filter(({ area }) => area === "wire");
    expect(wire.every(({ level, direction }) => level === "debug" && /^[CS]$/.test(String(direction)))).toBe(
      true,
    );
    expect(wire.map(({ msg }) => msg)).toEqual(expect.arrayContaining(["C: RETR 1", "C: DELE 1", "C: QUIT"]));
    expect(wire.find(({ line }) => line === "RETR 1")).toMatchObject({ direction: "C" });
    // No mail.
    expect(inspect(lines)).not.toContain("Subject");
  });

  test("makes no line of a level that the logger does not want", async () => {
    await using server = await serve();
    const { lines, logger } = keeping(["debug"]);
    const client = await Pop3Client.connect({ ...account(server), logger });
    await client.quit();
    expect(lines.map(({ level }) => level)).toEqual(["info", "info", "info", "info"]);
  });

  test("has a short id of its own, which is in its errors and its inspection", async () => {
    await using server = await serve();
    await using first = await Pop3Client.connect(account(server));
    await using second = new Pop3Client(account(server, "bob"));
    expect(first.id).toMatch(/^[a-z0-9]{8}$/);
    expect(second.id).not.toBe(first.id);
    expect(inspect(first)).toContain(`id: '${first.id}'`);
    const errors = [
      await failureOf(first.retr(99)),
      await failureOf(first.retr("x" as never)),
      await failureOf(first.user("ann")),
      await failureOf(first.connect()),
      await failureOf(first.retrStream(99).toArray()),
      await failureOf(first.noop({ signal: AbortSignal.abort() })),
    ];
    expect(errors.map(({ session }) => session)).toEqual(errors.map(() => first.id));
    expect((await failureOf(second.stat())).session).toBe(second.id);
    const lost = first.stat();
    first.close();
    expect((await failureOf(lost)).session).toBe(first.id);
    expect((await failureOf(first.stat())).session).toBe(first.id);
  });

  test("logs why it could not connect", async () => {
    await using server = await serve();
    const { lines, logger } = keeping();
    const options = { ...account(server), auth: { user: "ann", pass: `${SECRET}x` }, logger, id: "x" };
    const error = await failureOf(Pop3Client.connect(options));
    expect(error.session).toBe("x");
    expect(lines.filter(({ level }) => level === "warn")).toMatchObject([
      { area: "session", session: "x", code: "POP3_AUTH_REJECTED", error: error.message },
    ]);
  });

  test.each<[string, (fail: () => never) => Partial<Pop3Logger>]>([
    ["info and warn", (fail) => ({ info: fail, warn: fail })],
    ["isLevelEnabled", (fail) => ({ isLevelEnabled: fail })],
  ])("is not ended by a logger whose %s throws", async (_what, failing) => {
    await using server = await serve();
    const thrown: unknown[] = [];
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => thrown.push(error));
    try {
      const fail = (): never => {
        throw new Error("disk full");
      };
      const quiet = (): void => undefined;
      const logger = { debug: quiet, info: quiet, warn: quiet, ...failing(fail) };
      const client = await Pop3Client.connect({ ...account(server), logger });
      expect(await client.stat()).toMatchObject({ count: 2 });
      await client.quit();
      await turns(5);
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
    expect(thrown.map(String)).toContain("Error: disk full");
  });
});

describe("a pool and a run", () => {
  test("log what they do, and give their logger to the sessions", async () => {
    await using server = await serve();
    const { lines, logger } = keeping();
    await using pool = new Pop3Pool({ logger, idleTimeout: 60_000 });
    const ids = await Promise.all(
      ["ann", "ann", "bob"].map((user) => pool.use(account(server, user), (client) => client.id)),
    );
    await failureOf(pool.use(account(server, "ann"), (client) => client.retr(99)));
    const told = lines.filter(({ area }) => area === "pool");
    expect(told.map(({ msg }) => msg.replace(server.host, "HOST"))).toEqual([
      "has a new session with HOST",
      "has a new session with HOST",
      "reuses a session with HOST",
      "reuses a session with HOST",
      expect.stringContaining("the use of a session with HOST failed: the server refused RETR 99"),
    ]);
    expect(new Set(told.map(({ session }) => session))).toEqual(new Set(ids));
    expect(lines.some(({ area, session }) => area === "wire" && session === ids[2])).toBe(true);
  });

  test("an account may have a logger of its own, or none", async () => {
    await using server = await serve();
    const [ours, theirs] = [keeping(), keeping()];
    await using pool = new Pop3Pool({ logger: ours.logger });
    await pool.use({ ...account(server), logger: theirs.logger }, (client) => client.stat());
    await pool.use({ ...account(server), logger: false }, (client) => client.stat());
    expect(ours.lines).toEqual([]);
    expect(theirs.lines.filter(({ msg }) => msg === "C: STAT").length).toBe(1);
  });

  test("a run logs its messages, each line with the mailbox and the session", async () => {
    await using server = await serve();
    const { lines, logger } = keeping();
    const run = { ledger: new MemoryLedger(), logger };
    let count = 0;
    const destination = (): void => {
      if (++count === 2) throw new Error("password=swordfish");
    };
    await fetchMail(account(server), { ...run, destination });
    const told = lines.filter(({ area }) => area === "fetch");
    const mailbox = `ann@${server.host}:${String(server.port)}`;
    expect(new Set(told.map((each) => each["mailbox"]))).toEqual(new Set([mailbox]));
    expect(told.map(({ level, msg }) => `${level} ${msg.slice(mailbox.length + 2)}`)).toEqual([
      "debug the run begins",
      "info 2 messages, 2 to retrieve, 0 to delete",
      "info message 1 delivered, 17 bytes",
      "warn message 2 failed: password=****",
      "info done: 1 delivered, 1 failed, 0 deleted",
    ]);
    const { session } = lines.find(({ area }) => area === "session") as Line;
    expect(told.slice(1).map((each) => each.session)).toEqual([session, session, session, session]);
    for await (const message of newMail(account(server), {
      ...run,
      ledger: new MemoryLedger(),
      repeat: false,
    }))
      message.done();
    expect(lines.some(({ msg }) => msg.includes("message 2 delivered"))).toBe(true);
  });
});

describe("debug", () => {
  const original = createDebug.log;
  afterEach(() => {
    createDebug.disable();
    createDebug.log = original;
  });

  const debugging = (namespaces: string): string[] => {
    const lines: string[] = [];
    createDebug.log = (...args: unknown[]) => void lines.push(args.map(String).join(" "));
    createDebug.enable(namespaces);
    return lines;
  };

  test.each(["wire", "session", "pool", "fetch"])("popwright:%s", async (area) => {
    await using server = await serve();
    const lines = debugging(`popwright:${area}`);
    await fetchMail(account(server), { ledger: new MemoryLedger(), destination: () => undefined });
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toContain(`popwright:${area}`);
    // A run names its session once it has one.
    expect(lines.filter((line) => /\[[a-z0-9]{8}\]/.test(line)).length).toBeGreaterThan(0);
    expect(lines.join("\n")).not.toContain(SECRET);
  });

  test("logs nothing of a client with logger: false", async () => {
    await using server = await serve();
    const lines = debugging("popwright:*");
    await Pop3Client.use({ ...account(server), logger: false }, (client) => client.stat());
    expect(lines).toEqual([]);
  });
});

test("pino: the lines of two sessions at the same time are told apart", async () => {
  await using server = await serve();
  const written: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void written.push(line) });
  const [ann, bob] = await Promise.all(
    ["ann", "bob"].map((user) => Pop3Client.connect({ ...account(server, user), logger })),
  );
  if (ann === undefined || bob === undefined) throw new Error("two clients");
  await Promise.all([ann.retr(1), bob.stat(), ann.uidl(), bob.list()]);
  await Promise.all([ann.quit(), bob.quit()]);
  const lines = written.map((line) => JSON.parse(line) as Line);
  const of = (client: Pop3Client): string[] =>
    lines
      .filter(({ session, area, msg }) => session === client.id && area === "wire" && msg.startsWith("C: "))
      .map(({ msg }) => msg)
      .filter((msg) => !/CAPA|AUTH|APOP|^C: \*{4}/.test(msg));
  expect(of(ann)).toEqual(["C: RETR 1", "C: UIDL", "C: QUIT"]);
  expect(of(bob)).toEqual(["C: STAT", "C: LIST", "C: QUIT"]);
  expect(lines.filter(({ session }) => session !== ann.id && session !== bob.id)).toEqual([]);
  expect(written.join("")).not.toContain("hunter2");
});
