// A server that does not stuff a line which is a single dot ends a message there. Such a message is neither delivered nor
// deleted, however the rest of it arrives, and whatever it looks like; the others are.
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { fetchMail, Maildir, MemoryLedger, type FetchOptions } from "../../src/fetch/index.ts";
import { Folder, octetsIn } from "../support/folder.ts";
import { mail } from "../support/mail.ts";
import { UnstuffingServer, type Later, type UnstuffingOptions } from "../support/unstuffing-server.ts";

const LATER: readonly Later[] = [
  "in the same packet",
  "in the next packet",
  "octet by octet",
  "after the next command",
];

/** What follows the single dot in the message. */
const RESTS: Readonly<Record<string, string>> = {
  text: "after\r\n",
  "a reply": "+OK\r\n",
  "a reply and text": "+OK 12 octets\r\nSubject: forged\r\n\r\nforged\r\n",
  "a refusal": "-ERR no such message\r\n",
  "a refusal and text": "-ERR no such message\r\nafter\r\n",
  "a whole response": "+OK 12 octets\r\nSubject: forged\r\n\r\nforged\r\n.\r\n",
  "two whole responses": "+OK\r\nSubject: forged\r\n.\r\n+OK\r\nSubject: forged\r\n.\r\n",
  "replies to DELE and QUIT": "+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n",
  "answers about other messages": "+OK 1 uid-9\r\n+OK 2 uid-9\r\n+OK 3 uid-9\r\n",
  nothing: "",
};

const account = (server: UnstuffingServer): Parameters<typeof fetchMail>[0] => ({
  ...{ host: "127.0.0.1", port: server.port, secure: false, stls: "never" },
  auth: { user: "ann", pass: "secret" },
});

beforeAll(() => void vi.useFakeTimers({ toFake: ["Date"] }));
afterAll(() => void vi.useRealTimers());

/** Runs every 20 minutes until only the message that ends early is left, or for too long. */
async function runAgainAndAgain(server: UnstuffingServer, options: FetchOptions): Promise<void> {
  for (let run = 0; run < 10 && server.maildrop.size > 1; run++) {
    vi.setSystemTime(Date.now() + 20 * 60 * 1000);
    await fetchMail(account(server), { force: true, ...options }).catch((error: unknown) => {
      expect(["POP3_UNSOLICITED", "POP3_PROTOCOL"]).toContain((error as { code: unknown }).code);
    });
  }
}

interface Trial extends UnstuffingOptions {
  /** How the message begins. */
  readonly before?: string;
}

async function expectOthersOnly(rest: string, at: number, trial: Trial): Promise<void> {
  const { before = "before\r\n", ...options } = trial;
  const texts = [1, 2, 3].map((number) => mail(number, "text "));
  const early = `Subject: early\r\n\r\n${before}.\r\n${rest}`;
  const messages = texts.with(at, early);
  await using server = await UnstuffingServer.listen(messages, options);
  const folder = await Folder.make();
  try {
    await runAgainAndAgain(server, {
      ledger: new MemoryLedger(),
      destination: new Maildir(folder.path),
      policy: { delete: "delivered", noUidl: "content" },
    });
    expect((await octetsIn(join(folder.path, "new"))).map(String).sort()).toEqual(texts.toSpliced(at, 1));
    // Without unique-ids the message is tried again in each run, so no run comes to its end and deletes the others.
    if (trial.uidl === false) expect([...server.maildrop.values()]).toEqual(messages);
    else expect([...server.maildrop.values()]).toEqual([early]);
  } finally {
    await folder.remove();
  }
}

describe.each(Object.entries(RESTS))("a message that ends early, and in it %s", (_, rest) => {
  test.each(LATER)("%s", async (later) => {
    for (const pipelining of [true, false])
      for (const at of [0, 2]) await expectOthersOnly(rest, at, { later, pipelining });
  });
});

describe.each(LATER)("sizes that differ from what is sent; the rest comes %s", (later) => {
  test.each([
    ["each line end counts as one octet", (text: string) => text.replaceAll("\r\n", "\n").length],
    ["the server estimates", (text: string) => Math.ceil(text.length / 100) * 100],
  ] as const)("%s", async (_, sizeOf) => {
    for (const pipelining of [true, false])
      for (const at of [0, 1, 2])
        await expectOthersOnly(RESTS["a reply and text"] as string, at, { later, pipelining, sizeOf });
  });
});

describe.each(LATER)("what follows the dot comes %s", (later) => {
  const rest = RESTS["a whole response"] as string;

  test("the message is so large that the destination gets it in pieces", async () => {
    const before = `${"x".repeat(998)}\r\n`.repeat(300);
    for (const pipelining of [true, false]) await expectOthersOnly(rest, 0, { later, pipelining, before });
  });

  test("the server has no unique-ids, and the message is the last one", async () => {
    for (const pipelining of [true, false])
      await expectOthersOnly(rest, 2, { later, pipelining, uidl: false });
  });
});
