// Servers that break pipelining: no damaged message is delivered, none is lost, and the next run remembers
// the server.
import { describe, expect, test, vi } from "vitest";
import { FileLedger, fetchMail, type FetchOptions, type FetchReport } from "../../src/fetch/index.ts";
import { MemoryLedger, type FetchEvent, type MailboxState } from "../../src/fetch/index.ts";
import { OutOfOrderServer, type OutOfOrderOptions } from "../support/out-of-order-server.ts";
import { newDirectory } from "../support/place.ts";
import { Inbox, mails } from "../support/mail.ts";
import { ledgerWith } from "../support/ledger.ts";

const COUNT = 12;
const TEXTS = mails(COUNT);

class Place {
  readonly inbox: Inbox = new Inbox();
  readonly ledger: MemoryLedger = new MemoryLedger();
  readonly events: FetchEvent[] = [];
  readonly server: OutOfOrderServer;

  constructor(server: OutOfOrderServer) {
    this.server = server;
  }

  run(options: Partial<FetchOptions> = {}): Promise<FetchReport> {
    const account = {
      ...{ host: "127.0.0.1", port: this.server.port, secure: false, stls: "never" as const },
      auth: { user: "ann", pass: "secret" },
    };
    return fetchMail(account, {
      ledger: this.ledger,
      destination: this.inbox.deliver,
      onEvent: (event) => void this.events.push(event),
      ...options,
    });
  }

  async state(): Promise<MailboxState> {
    const mailbox = await this.ledger.open(`ann@127.0.0.1:${this.server.port}`);
    await mailbox.close();
    return mailbox.state;
  }

  get types(): string[] {
    return this.events.map(({ type }) => type).filter((type) => type !== "delivered");
  }
}

/** Whether commands went out together in a session. */
const pipelined = (session: readonly string[] | undefined): boolean =>
  session?.join().includes(", ") === true;

const FAULTS: readonly [string, OutOfOrderOptions, string][] = [
  ["writes the next reply into the message", {}, "POP3_PROTOCOL"],
  ["does so, and lists sizes that hide the fault", { slack: "+OK 100 octets\r\n".length }, "POP3_PROTOCOL"],
  ["closes the connection", { closes: true }, "POP3_CLOSED"],
];

describe.each(FAULTS)("a server that %s", (_, fault, code) => {
  test.each(["never", "delivered"] as const)("delete: %s", async (deletion) => {
    await using server = await OutOfOrderServer.listen(TEXTS, fault);
    const place = new Place(server);
    const report = await place.run({ policy: { delete: deletion } });
    expect(report).toMatchObject({ outcome: "done", delivered: COUNT, known: 0, failed: [] });
    expect(report.deleted).toBe(deletion === "never" ? 0 : COUNT);
    expect(place.inbox.texts).toEqual(TEXTS);
    expect([...server.maildrop.values()]).toEqual(deletion === "never" ? TEXTS : []);
    expect(server.sessions).toHaveLength(2);
    expect(server.sessions.map(pipelined)).toEqual([true, false]);
    expect(place.types).toEqual(["begin", "listed", "pipelining-broken", "listed", ...ending(deletion)]);
    const [told] = place.events.filter(({ type }) => type === "pipelining-broken");
    expect(told).toMatchObject({ error: { code } });
  });
});

function ending(deletion: "never" | "delivered"): string[] {
  return deletion === "never" ? ["end"] : ["deleted", "end"];
}

test("a server program that is known for the fault: one session, one command at a time", async () => {
  const options = { greeting: "WildDuck", capabilities: ["IMPLEMENTATION WildDuck-v1.46.1"] };
  await using server = await OutOfOrderServer.listen(TEXTS, options);
  const place = new Place(server);
  expect(await place.run()).toMatchObject({ outcome: "done", delivered: COUNT });
  expect(place.inbox.texts).toEqual(TEXTS);
  expect(server.sessions).toHaveLength(1);
  // CAPA, USER, PASS, then CAPA with LIST and UIDL, each message, QUIT; the sizes are asked for by LIST again.
  expect(server.sessions[0]?.filter((line) => /RETR .*,/.test(line))).toEqual([]);
});

test("round trips: one for all messages, and one per message after the fallback", async () => {
  await using server = await OutOfOrderServer.listen(TEXTS);
  const place = new Place(server);
  await place.run({ policy: { delete: "delivered" } });
  const [before = [], after = []] = server.sessions;
  expect(before).toEqual([
    "CAPA",
    "USER ann",
    "PASS secret",
    "CAPA, LIST, UIDL",
    commands("RETR").join(", "),
  ]);
  expect(after).toEqual([
    ...["CAPA", "USER ann", "PASS secret", "CAPA", "LIST", "UIDL"],
    ...[...commands("RETR"), ...commands("DELE"), "QUIT"],
  ]);
});

function commands(verb: string): string[] {
  return TEXTS.map((__, index) => `${verb} ${index + 1}`);
}

describe("the ledger's note about the server", () => {
  test("is used by the next process for 24 hours, and then expires", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      await using server = await OutOfOrderServer.listen(TEXTS);
      const place = new Place(server);
      await place.run();
      const { serialUntil = 0 } = await place.state();
      expect(serialUntil - Date.now()).toBeGreaterThan(24 * 60 * 60 * 1000 - 60_000);
      expect(serialUntil - Date.now()).toBeLessThanOrEqual(24 * 60 * 60 * 1000);
      // Another process knows the ledger, and nothing else.
      vi.resetModules();
      const { fetchMail: another } = await import("../../src/fetch/index.ts");
      const account = {
        ...{ host: "127.0.0.1", port: server.port, secure: false, stls: "never" as const },
        auth: { user: "ann", pass: "secret" },
      };
      const options = { ledger: place.ledger, destination: place.inbox.deliver, force: true };
      await another(account, options);
      expect(server.sessions.map(pipelined)).toEqual([true, false, false]);
      expect((await place.state()).serialUntil).toBe(serialUntil);
      vi.setSystemTime(serialUntil + 1);
      await another(account, options);
      expect(server.sessions.map(pipelined)).toEqual([true, false, false, true]);
      expect(await place.state()).not.toHaveProperty("serialUntil");
    } finally {
      vi.useRealTimers();
    }
  });

  test("is in the file, and in the state after a failure", async () => {
    const ledger = new FileLedger(await newDirectory());
    await using server = await OutOfOrderServer.listen(TEXTS);
    const place = new Place(server);
    const broken = new Error("the caller is broken");
    const onEvent = (event: FetchEvent): void => {
      if (event.type === "pipelining-broken") throw broken;
    };
    await expect(place.run({ ledger, onEvent })).rejects.toMatchObject({ cause: broken });
    const { state, entries } = await ledger.read(`ann@127.0.0.1:${server.port}`);
    expect(state.serialUntil).toBeGreaterThan(Date.now());
    // No message is to blame, and none is put back.
    expect([...entries.values()]).toEqual([]);
    expect(await place.run({ ledger, force: true })).toMatchObject({ delivered: COUNT });
    expect(place.inbox.texts).toEqual(TEXTS);
  });
});

test("in a careful run, the message that broke the session is not at fault", async () => {
  await using server = await OutOfOrderServer.listen(TEXTS);
  const place = new Place(server);
  const ledger = ledgerWith(() => ({ takenOver: true }), place.ledger);
  expect(await place.run({ ledger })).toMatchObject({ outcome: "done", delivered: COUNT, left: 0 });
  expect(place.inbox.texts).toEqual(TEXTS);
});
