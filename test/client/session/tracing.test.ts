// The tracing channels carry the context of the caller: a store that is bound to `start` is in effect until the end.
import { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel } from "node:diagnostics_channel";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Pop3Client, Pop3Pool, type Pop3Trace } from "../../../src/index.ts";
import { Pop3Server } from "../../../src/testing/index.ts";
import { failureOf } from "../../support/outcome.ts";

const NAMES = ["popwright:command", "popwright:session", "popwright:pool"] as const;
const caller = new AsyncLocalStorage<string>();
const spans = new AsyncLocalStorage<unknown>();

interface Seen {
  readonly channel: string;
  readonly event: string;
  readonly trace: Pop3Trace;
  readonly caller: string | undefined;
  readonly span: unknown;
}
const seen: Seen[] = [];

const channels = NAMES.map((channel) => {
  const hear =
    (event: string) =>
    (trace: unknown): void => {
      const copy = { ...(trace as Pop3Trace) };
      seen.push({ channel, event, trace: copy, caller: caller.getStore(), span: spans.getStore() });
    };
  const events = ["start", "end", "asyncStart", "asyncEnd", "error"] as const;
  const subscriber = Object.fromEntries(events.map((event) => [event, hear(event)])) as never;
  return { tracing: tracingChannel<unknown, object>(channel), subscriber };
});

let bound = 0;
beforeEach(() => {
  seen.length = bound = 0;
  for (const { tracing, subscriber } of channels) {
    tracing.subscribe(subscriber);
    tracing.start.bindStore(spans, (trace) => {
      bound++;
      return { trace, parent: spans.getStore() };
    });
  }
});
afterEach(() => {
  for (const { tracing, subscriber } of channels) {
    tracing.unsubscribe(subscriber);
    tracing.start.unbindStore(spans);
  }
});

const serve = (): Promise<Pop3Server> =>
  Pop3Server.listen({
    users: { ann: { pass: "secret", messages: ["Subject: 1\r\n\r\n.dots.\r\n"] }, bob: { pass: "secret" } },
  });
const options = ({ host, port }: Pop3Server, user = "ann") =>
  ({ host, port, secure: false, stls: "never", auth: { user, pass: "secret" } }) as const;

/** The end of a call, by its command. */
const endOf = (command: string): Seen | undefined =>
  seen.find(({ event, trace }) => event === "asyncEnd" && trace.command === command);

test("a bound store is in effect from the start of each call to its end", async () => {
  await using server = await serve();
  const client = new Pop3Client(options(server));
  await caller.run("connect", () => client.connect());
  await caller.run("stat", () => client.stat());
  await caller.run("retr", () => client.retr(1));
  await caller.run("quit", () => client.quit());
  const starts = seen.filter(({ event }) => event === "start");
  expect(bound).toBe(starts.length);
  expect(starts.length).toBeGreaterThan(5);
  const spanOf = ({ span }: Seen): unknown => (span as { trace?: object } | undefined)?.trace;
  for (const each of seen) expect(spanOf(each)).toMatchObject({ command: each.trace.command });
  const ends = seen.filter(({ event }) => event === "asyncEnd");
  expect(ends.length).toBe(starts.length);
  expect([endOf("STAT"), endOf("RETR 1"), endOf("QUIT")].map((end) => end?.caller)).toEqual([
    "stat",
    "retr",
    "quit",
  ]);
  // The greeting and the login are commands within the session.
  const session = ends.find(({ channel }) => channel === "popwright:session");
  expect(session?.caller).toBe("connect");
  const parentOf = (command: string): unknown => (endOf(command)?.span as { parent?: unknown }).parent;
  expect(parentOf("CAPA")).toBe(session?.span);
  expect(parentOf("STAT")).toBeUndefined();
});

test("calls that overlap end each in its own context", async () => {
  await using server = await serve();
  await using client = await Pop3Client.connect(options(server));
  await Promise.all(
    ["1", "2", "3"].map((name) =>
      caller.run(name, () => Promise.all([client.noop(), client.retr(1), failureOf(client.retr(9))])),
    ),
  );
  const ends = seen.filter(({ event, caller: name }) => event === "asyncEnd" && name !== undefined);
  expect(ends.map(({ trace, caller: name }) => [name, trace.command])).toEqual(
    ["1", "2", "3"].flatMap((name) => ["NOOP", "RETR 1", "RETR 9"].map((command) => [name, command])),
  );
  const errors = seen.filter(({ event }) => event === "error");
  expect(errors.map(({ caller: name }) => name)).toEqual(["1", "2", "3"]);
});

test("the sessions of a pool are within its uses, and the program's calls, too", async () => {
  await using server = await serve();
  await using pool = new Pop3Pool();
  await Promise.all(
    ["ann", "bob"].map((user) =>
      caller.run(user, () => pool.use(options(server, user), (client) => client.stat())),
    ),
  );
  const ends = seen.filter(({ event }) => event === "asyncEnd");
  const sessionOf = (user: string, channel: string): unknown =>
    ends.find((each) => each.channel === channel && each.caller === user)?.trace.session;
  for (const user of ["ann", "bob"]) {
    const id = sessionOf(user, "popwright:session");
    expect(id).toMatch(/^[a-z0-9]{8}$/);
    expect(sessionOf(user, "popwright:pool")).toBe(id);
    const use = ends.find((each) => each.channel === "popwright:pool" && each.caller === user);
    const stat = ends.find((each) => each.trace.command === "STAT" && each.trace.session === id);
    expect((stat?.span as { parent?: unknown }).parent).toBe(use?.span);
  }
  expect(sessionOf("ann", "popwright:session")).not.toBe(sessionOf("bob", "popwright:session"));
});

test("the fields of a command and of a session", async () => {
  await using server = await serve();
  const { host, port } = server;
  await using client = await Pop3Client.connect({ ...options(server), id: "first-of-two" });
  await client.retr(1);
  server.fault({ on: "STAT", reply: "-ERR [SYS/TEMP] later\r\n" });
  const error = await failureOf(client.stat());
  const peer = { session: "first-of-two", host, port, serverAddress: host, serverPort: port };
  const end = endOf("RETR 1")?.trace;
  expect(end).toMatchObject(peer);
  const { received = 0 } = end ?? {};
  // The reply, and the message with its dots unstuffed.
  expect(received).toBeGreaterThan("Subject: 1\r\n\r\n.dots.\r\n".length);
  expect(received).toBeLessThan("Subject: 1\r\n\r\n.dots.\r\n".length + 80);
  expect(endOf("STAT")?.trace).toMatchObject({ ...peer, responseCode: "SYS/TEMP", error });
  const session = seen.find(({ event, channel }) => event === "asyncEnd" && channel === "popwright:session");
  expect(session?.trace).toMatchObject({
    ...peer,
    command: undefined,
    mechanism: expect.any(String) as string,
  });
  expect(session?.trace.received).toBeGreaterThan(20);
  expect(error).toMatchObject({ session: "first-of-two" });
});
