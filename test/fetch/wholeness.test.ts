// What it costs to make sure that a message is whole: nothing if its size is the announced one, otherwise one question for
// each window. If the answer cannot come, because the messages ahead are larger than announced, the run continues one by one.
import { describe, expect, test } from "vitest";
import type { Pop3ClientOptions } from "popwright";
import { fetchMail, MemoryLedger, type FetchReport } from "../../src/fetch/index.ts";
import { mail } from "../support/mail.ts";
import { UnstuffingServer, type UnstuffingOptions } from "../support/unstuffing-server.ts";

const MESSAGES = 20;

async function fetchAllOf(
  server: UnstuffingServer,
  more: Partial<Pop3ClientOptions> = {},
): Promise<{ readonly report: FetchReport; readonly delivered: string[] }> {
  const delivered: string[] = [];
  const report = await fetchMail(
    {
      host: "127.0.0.1",
      port: server.port,
      secure: false,
      stls: "never",
      auth: { user: "ann", pass: "secret" },
      ...more,
    },
    {
      ledger: new MemoryLedger(),
      destination: ({ octets }) => void delivered.push(octets.toString("latin1")),
      policy: { delete: "delivered" },
    },
  );
  return { report, delivered };
}

const server = (
  messages: readonly string[],
  options: Partial<UnstuffingOptions>,
): Promise<UnstuffingServer> =>
  UnstuffingServer.listen(messages, { later: "in the same packet", pipelining: true, ...options });

/** The commands that ask about one message. */
const questions = ({ commands }: UnstuffingServer): string[] =>
  commands.filter((line) => /^(?:UIDL|LIST) \d|^NOOP/.test(line));

describe("the questions of a run", () => {
  const texts = Array.from({ length: MESSAGES }, (_, index) => mail(index + 1, "text "));
  const size = (texts[0] as string).length;
  const wrong = { sizeOf: (text: string) => text.length + 1 };

  test.each<[string, Partial<UnstuffingOptions>, number]>([
    ["exact sizes", {}, 0],
    ["exact sizes, one by one", { pipelining: false }, 0],
    ["wrong sizes, and all messages in one window", wrong, 1],
    // Only the next message is requested ahead.
    ["wrong sizes, one by one", { ...wrong, pipelining: false }, MESSAGES / 2],
  ])("%s", async (_name, options, expected) => {
    await using peer = await server(texts, options);
    const { report } = await fetchAllOf(peer);
    expect(report).toMatchObject({ outcome: "done", delivered: MESSAGES, deleted: MESSAGES });
    expect(questions(peer)).toHaveLength(expected);
  });

  test("wrong sizes: fewer than one for every second message of a small window", async () => {
    await using peer = await server(texts, wrong);
    const { report } = await fetchAllOf(peer, { pipelining: { octets: 6 * size } });
    expect(report).toMatchObject({ outcome: "done", delivered: MESSAGES });
    expect(questions(peer).length).toBeGreaterThan(1);
    expect(questions(peer).length).toBeLessThan(MESSAGES / 2);
  });
});

test("the messages ahead are larger than announced, and fill the window: the run continues one by one", async () => {
  const texts = [1, 2, 3, 4].map((number) => mail(number, `${"x".repeat(990)}\r\n`.repeat(400)));
  await using peer = await server(texts, { sizeOf: () => 1000 });
  // The answer cannot come before the messages are read, so the limit is always reached.
  const options = {
    pipelining: { octets: 64 * 1024 },
    // Two messages of 400 kB are more than may be kept ahead.
    limits: { message: 500_000 },
    timeouts: { body: 1000 },
  };
  const { report, delivered } = await fetchAllOf(peer, options);
  expect(report).toMatchObject({ outcome: "done", delivered: 4, deleted: 4, failed: [] });
  expect(delivered.map((text) => texts.indexOf(text)).sort()).toEqual([0, 1, 2, 3]);
  expect(peer.commands.filter((line) => line === "PASS secret").length).toBeGreaterThan(1);
  // In the last session each message is requested after the answer about the one before.
  const last = peer.commands.slice(peer.commands.lastIndexOf("PASS secret"));
  const retrieved = last.filter((line) => /^(?:RETR|UIDL) \d/.test(line)).map((line) => line.slice(0, 4));
  expect(retrieved.join(" ")).toMatch(/^(?:RETR UIDL ?)+$/);
});
