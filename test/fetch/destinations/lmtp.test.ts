// The recipe for LMTP, against a server that accepts mail or refuses it.
import { afterEach, beforeEach, expect, test } from "vitest";
import { lmtp } from "../../../examples/destinations/lmtp.ts";
import { deliver, delivery, MESSAGES } from "../../support/delivery.ts";
import { LmtpServer } from "./lmtp-server.ts";
import { entryFor, HELD } from "../../support/ledger.ts";

const ONE = Buffer.from("Subject: one\r\n\r\n.1\r\n..\r\n");

let server: LmtpServer;
beforeEach(async () => {
  server = await LmtpServer.listen();
});
afterEach(() => server.close());

function destination(recipient: Parameters<typeof lmtp>[1] = "ann@example.com"): ReturnType<typeof lmtp> {
  return lmtp({ host: "127.0.0.1", port: server.port, name: "popwright.test", ignoreTLS: true }, recipient);
}

test("hands over each message", async () => {
  expect(await deliver(destination(), "one", ONE)).toBe("new");
  expect(
    await deliver(
      destination(({ uid = "" }) => `${uid}@example.com`),
      "two",
      ONE,
    ),
  ).toBe("new");
  const commands = (to: string): string[] => [
    ...["LHLO popwright.test", "MAIL FROM:<>", `RCPT TO:<${to}>`, "DATA"],
  ];
  // The last one may be on its way yet.
  expect(server.commands.filter((command) => command !== "QUIT")).toEqual([
    ...commands("ann@example.com"),
    ...commands("two@example.com"),
  ]);
  expect(server.messages).toEqual([ONE, ONE]);
});

test.each(Object.entries(MESSAGES))("changes nothing but line ends: %s", async (title, message) => {
  expect(await deliver(destination(), title, message)).toBe("new");
  const text = message.toString("latin1").replace(/\r\n|\r|\n/g, "\r\n");
  const expected = text.endsWith("\r\n") ? text : `${text}\r\n`;
  expect(server.messages[0]?.toString("latin1") === expected).toBe(true);
});

test.each([
  ["greeting", "421 too busy", { down: true, later: true }],
  ["RCPT", "450 4.2.1 mailbox busy", { down: false, later: true }],
  ["RCPT", "550 5.1.1 no such user", { down: false, later: false }],
  ["end", "452 4.3.1 no space", { down: false, later: true }],
  ["end", "554 5.6.0 I do not like it", { down: false, later: false }],
])("%s: %s", async (command, answer, error) => {
  server.answers = { [command]: answer };
  await expect(deliver(destination(), "one", ONE)).rejects.toMatchObject({
    code: "POP3_DESTINATION",
    message: expect.stringContaining(answer) as unknown,
    ...error,
  });
  expect(server.messages).toEqual([]);
});

test("is down if the server does not answer", async () => {
  const gone = destination();
  await server.close();
  server = await LmtpServer.listen();
  await expect(deliver(gone, "one", ONE)).rejects.toMatchObject({ down: true });
});

test("ends when the signal is aborted", async () => {
  const controller = new AbortController();
  const writer = await destination().begin(delivery("one"), controller.signal, HELD);
  if (writer !== "known") await writer.write(Buffer.from(ONE));
  const committed = writer !== "known" && writer.commit(entryFor("a"));
  controller.abort();
  await expect(committed).rejects.toMatchObject({ down: true });
  expect(server.messages).toEqual([]);
});
