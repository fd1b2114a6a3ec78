// Destinations that go away, stop answering, or fill up in the middle of a run: the run ends as docs/fetching.md says, no message
// is blamed or lost, and the next run delivers the rest, each message once.
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { GmailImport, ImapAppend, Lmtp, Webhook, type Destination } from "../../../src/fetch/index.ts";
import { Folder } from "../../support/folder.ts";
import { GmailServer, type GmailFault } from "../../support/gmail-server.ts";
import { IMAP_PASSWORD, ImapServer } from "../../support/imap-server.ts";
import { serverWith } from "../../support/mail.ts";
import { Fetcher } from "../fetcher.ts";
import { HttpServer, type HttpAnswer } from "./http-server.ts";
import { LmtpServer, type MailAnswers } from "./lmtp-server.ts";

// GmailImport waits between its tries. No test waits.
vi.mock("../../../src/net/settle.ts", async (importOriginal) => ({
  ...(await importOriginal<object>()),
  sleep: () => Promise.resolve(),
}));

/** How many messages the mailbox has, and how many of them are delivered before the destination fails. */
const [ALL, BEFORE] = [8, 2];
const MESSAGES = Array.from(
  { length: ALL },
  (_, at) => `From: bea@x.test\r\nMessage-ID: <${at}@x.test>\r\n\r\nmessage ${at}\r\n`,
);

/** Milliseconds: no machine is so slow that a destination that answers exceeds the first. The second always passes. */
const [PATIENT, HASTY] = [100_000, 50];

/** A destination with its server. */
interface Place {
  /** `timeout`: its limit of time, in milliseconds. */
  readonly destination: (timeout: number) => Destination;
  readonly delivered: () => readonly Buffer[];
  /** Makes the server work again. */
  readonly repair: () => void;
  readonly close: () => Promise<void>;
}

/** Starts a server that fails when it has {@link BEFORE} messages. */
type Start = (folder: Folder) => Promise<Place>;

function webhook(failure: HttpAnswer | undefined): Start {
  return async () => {
    let isBroken = true;
    const received = new Map<unknown, Buffer>();
    const server = await HttpServer.listen(({ headers, body }) => {
      if (isBroken && received.size === BEFORE) return failure;
      if (received.has(headers["webhook-id"])) return { status: 409 };
      received.set(headers["webhook-id"], body);
      return { status: 204 };
    });
    return {
      destination: (timeout) => new Webhook(server.url, { allowPrivate: true, timeout }),
      delivered: () => [...received.values()],
      repair: () => (isBroken = false),
      close: () => server.close(),
    };
  };
}

function lmtp(failures: MailAnswers): Start {
  return async () => {
    const server = await LmtpServer.listen();
    const fails = (reply: string) => (): string | undefined =>
      server.mail.length === BEFORE ? reply : undefined;
    server.answers = Object.fromEntries(
      Object.entries(failures).map(([command, reply]) => [command, fails(reply as string)]),
    );
    return {
      destination: (timeout) =>
        new Lmtp(`lmtp://127.0.0.1:${server.port}`, { recipient: "ann@x.test", timeout }),
      delivered: () => server.messages,
      repair: () => (server.answers = {}),
      close: () => server.close(),
    };
  };
}

function gmail(fault: GmailFault): Start {
  return async (folder) => {
    const server: GmailServer = await GmailServer.listen({
      onMessage: () => {
        if (server.messages.length === BEFORE) server.faults.push({ times: 999, ...fault });
      },
    });
    return {
      destination: (timeout) =>
        new GmailImport("ann@gmail.com", {
          accessToken: () => "token",
          state: join(folder.path, "state"),
          api: server.url,
          timeout,
        }),
      delivered: () => server.messages.map(({ octets }) => octets),
      repair: () => (server.faults.length = 0),
      close: () => server[Symbol.asyncDispose](),
    };
  };
}

function imap(fails: (server: ImapServer) => unknown): Start {
  return async (folder) => {
    const server = await ImapServer.listen();
    server.stored = ({ messages }) => {
      if (messages.length === BEFORE) fails(server);
    };
    const state = join(folder.path, "state");
    const options = { state, auth: { password: IMAP_PASSWORD }, settleTime: 0 };
    return {
      destination: (timeout) => new ImapAppend(server.url(), { ...options, timeout }),
      delivered: () => server.messages(),
      repair: () => {
        server.replies.clear();
        server.faults.length = 0;
        server.refuse = () => undefined;
      },
      close: () => server.close(),
    };
  };
}

let folder: Folder;
beforeEach(async () => {
  folder = await Folder.make();
});
afterEach(() => folder.remove());

describe.each<[name: string, situation: string, start: Start]>([
  ["Webhook", "down (no connection)", webhook({ status: 0 })],
  ["Webhook", "down (503)", webhook({ status: 503 })],
  ["Webhook", "busy (429)", webhook({ status: 429, headers: { "retry-after": "0" } })],
  ["Webhook", "failing (500)", webhook({ status: 500 })],
  ["Webhook", "gone (404)", webhook({ status: 404 })],
  ["Webhook", "slow", webhook(undefined)],
  ["Webhook", "full", webhook({ status: 507 })],
  ["Lmtp", "down (no connection)", lmtp({ RSET: "cut", greeting: "cut" })],
  ["Lmtp", "down (421)", lmtp({ RSET: "421 4.3.2 bye", greeting: "421 4.3.2 down" })],
  ["Lmtp", "cut in the middle of a message", lmtp({ end: "cut" })],
  ["Lmtp", "busy", lmtp({ MAIL: "451 4.3.0 busy" })],
  ["Lmtp", "closed to the recipient", lmtp({ RCPT: "550 5.1.1 no such user" })],
  ["Lmtp", "slow", lmtp({ RCPT: "hang" })],
  ["Lmtp", "slow to take a message", lmtp({ end: "hang" })],
  ["Lmtp", "full (552)", lmtp({ end: "552 5.2.2 quota exceeded" })],
  ["Lmtp", "full (452)", lmtp({ RCPT: "452 4.2.2 quota exceeded" })],
  ["GmailImport", "down", gmail({ cut: "before" })],
  ["GmailImport", "busy", gmail({ status: 429, reason: "rateLimitExceeded", retryAfter: "0" })],
  ["GmailImport", "slow", gmail({ cut: "stall" })],
  ["GmailImport", "full", gmail({ on: "part", status: 403, reason: "forbidden", message: "out of storage" })],
  [
    "ImapAppend",
    "down",
    imap((server) => {
      server.replies.set("greeting", "* BYE down");
      server.lost = () => server.cut();
      server.faults.push("before +");
    }),
  ],
  ["ImapAppend", "slow", imap((server) => server.replies.set("APPEND", ""))],
  ["ImapAppend", "full", imap((server) => (server.refuse = () => "NO [OVERQUOTA] full"))],
  ["ImapAppend", "busy", imap((server) => (server.refuse = () => "NO [UNAVAILABLE] busy"))],
])("%s that is %s", (_name, situation, start) => {
  test("the run ends, no message is blamed, and a later run delivers the rest", async () => {
    await using server = await serverWith(MESSAGES);
    const place = await start(folder);
    const policy = { delete: "delivered", retry: { first: 0 } } as const;
    const patient = place.destination(PATIENT);
    const fetcher = new Fetcher(server, { destination: patient, policy });
    // What is slow is given little time, but only after the first messages: they must arrive on each machine.
    const isSlow = situation.startsWith("slow");
    if (isSlow) await fetcher.run({ policy: { ...policy, limits: { messages: BEFORE } } });
    const destination = isSlow ? place.destination(HASTY) : patient;

    const error = await fetcher.failure({ destination, force: true });
    expect(error).toMatchObject({
      code: "POP3_DESTINATION",
      temporary: true,
      scope: "destination",
      report: { delivered: isSlow ? 0 : BEFORE },
    });
    expect(place.delivered()).toHaveLength(BEFORE);
    // The others have failed in the first run, so a second one is the judge of who is to blame.
    await fetcher.run({ destination, force: true }).catch(() => undefined);
    const { entries } = await fetcher.known();
    expect(entries.filter(({ tries = 0 }) => tries > 0)).toEqual([]);
    expect(entries.filter(({ status }) => status === "quarantined")).toEqual([]);
    expect(server.maildrop("ann").messages.length).toBeGreaterThanOrEqual(ALL - BEFORE);

    place.repair();
    expect(await fetcher.run({ force: true })).toMatchObject({
      outcome: "done",
      delivered: ALL - BEFORE,
      failed: [],
    });
    expect(place.delivered().map(String).sort()).toEqual(MESSAGES);
    expect(server.maildrop("ann").messages).toEqual([]);
    await place.close();
  });
});
