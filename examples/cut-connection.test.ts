// Tests of Vitest in which the server cuts the connection within a message: `npx vitest run cut-connection.test.ts`. The
// server runs in the process of the test, so it needs no account and no network.
import { expect, test } from "vitest";
import { Pop3Client } from "popwright";
import { fetchMail, MemoryLedger } from "popwright/fetch";
import { Pop3Server, type Fault } from "popwright/testing";

const MESSAGES = ["Subject: one\r\n\r\n1\r\n", "Subject: two\r\n\r\n2\r\n"];

/** The first response to RETR ends after 25 bytes. At its end a server throws if its fault was never used. */
const listen = (fault: Fault = { on: "RETR", nth: 1, close: 25 }): Promise<Pop3Server> =>
  Pop3Server.listen({ users: { ann: { pass: "secret", messages: MESSAGES } }, faults: [fault] });

test("a client never returns a part of a message", async () => {
  await using server = await listen();
  const subject = Pop3Client.use(server.options("ann"), (client) => client.retr(1));
  await expect(subject).rejects.toMatchObject({ code: "POP3_TRUNCATED" });
});

test("a run stores each message once and complete, although the connection was cut", async () => {
  await using server = await listen();
  const ledger = new MemoryLedger();
  const stored: string[] = [];
  const run = (): Promise<unknown> =>
    fetchMail(server.options("ann"), {
      ledger,
      destination: ({ octets }) => void stored.push(octets.toString()),
      policy: { delete: "delivered" },
      force: true,
    });
  await run().catch(() => undefined);
  await run();
  expect(stored.toSorted()).toEqual(MESSAGES);
  expect(server.maildrop("ann").messages).toEqual([]);
});
