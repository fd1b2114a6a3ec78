// The tracing channels of runs and messages: what a destination does belongs to its message, and the message to its run.
import { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel, type TracingChannel } from "node:diagnostics_channel";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import {
  fetchMail,
  Maildir,
  MemoryLedger,
  type Pop3FetchTrace,
  type Pop3MessageTrace,
} from "../../src/fetch/index.ts";
import { Pop3Server } from "../../src/testing/index.ts";
import { Folder } from "../support/folder.ts";
import { failureOf } from "../support/outcome.ts";

interface Span {
  readonly trace: object;
  readonly parent: Span | undefined;
}
const spans = new AsyncLocalStorage<Span>();
const runs: TracingChannel<unknown, Pop3FetchTrace> = tracingChannel("popwright:fetch");
const messages: TracingChannel<unknown, Pop3MessageTrace> = tracingChannel("popwright:message");
const ended: (Pop3FetchTrace | Pop3MessageTrace)[] = [];
const end = (trace: Pop3FetchTrace | Pop3MessageTrace): void => {
  expect(spans.getStore()?.trace).toBe(trace);
  ended.push({ ...trace });
};
const none = (): void => undefined;
const subscriber = { start: none, end: none, error: none, asyncStart: none, asyncEnd: end };

beforeEach(() => {
  ended.length = 0;
  for (const channel of [runs, messages] as TracingChannel<unknown, never>[]) {
    channel.subscribe(subscriber);
    channel.start.bindStore(spans, (trace) => ({ trace: trace as object, parent: spans.getStore() }));
  }
});
afterEach(() => {
  for (const channel of [runs, messages] as TracingChannel<unknown, never>[]) {
    channel.unsubscribe(subscriber);
    channel.start.unbindStore(spans);
  }
});

const mail = ["Subject: 1\r\n\r\n1\r\n", "Subject: 2\r\n\r\n2\r\n", "Subject: 3\r\n\r\n3\r\n"];
const serve = (): Promise<Pop3Server> =>
  Pop3Server.listen({ users: { ann: { pass: "secret", messages: mail } } });
const account = ({ host, port }: Pop3Server) =>
  ({ host, port, secure: false, stls: "never", auth: { user: "ann", pass: "secret" } }) as const;

test("a run, and each of its messages", async () => {
  await using server = await serve();
  const { host, port } = server;
  const within: (Span | undefined)[] = [];
  const refusal = new Error("disk full");
  const destination = (): void => {
    within.push(spans.getStore());
    if (within.length === 2) throw refusal;
  };
  await fetchMail({ ...account(server), id: "run-1" }, { ledger: new MemoryLedger(), destination });
  const peer = { host, port, serverAddress: host, serverPort: port, mailbox: `ann@${host}:${String(port)}` };
  expect(ended).toMatchObject([
    { ...peer, session: "run-1", number: 1, received: mail[0]?.length, outcome: "delivered" },
    { ...peer, session: "run-1", number: 2, outcome: "failed", error: refusal },
    { ...peer, session: "run-1", number: 3, received: mail[2]?.length, outcome: "delivered" },
    { ...peer, outcome: "done", delivered: 2, failed: 1, deleted: 0 },
  ]);
  // The work of the destination is within the message, and the message within the run.
  expect(within.map((span) => (span?.trace as Pop3MessageTrace).number)).toEqual([1, 2, 3]);
  for (const span of within) expect(span?.parent?.trace).toMatchObject({ outcome: "done" });
});

test("messages that a destination takes in groups end each on its own", async () => {
  await using server = await serve();
  const folder = await Folder.make();
  onTestFinished(() => folder.remove());
  const destination = new Maildir(join(folder.path, "Mail"), { group: { messages: 3, bytes: 1_000_000 } });
  await fetchMail(account(server), { ledger: new MemoryLedger(), destination });
  const numbers = ended.flatMap((trace) => ("number" in trace ? [trace.number] : []));
  expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
});

test("a run that fails, without the name of a user that is hidden", async () => {
  await using server = await serve();
  const auth = { user: "ann", pass: "wrong!" };
  const error = await failureOf(
    fetchMail(
      { ...account(server), auth, logUser: false, id: "run-2" },
      { ledger: new MemoryLedger(), destination: none },
    ),
  );
  expect(error.session).toBe("run-2");
  expect(ended).toMatchObject([
    { mailbox: `****@${server.host}:${String(server.port)}`, outcome: "failed", error },
  ]);
});
