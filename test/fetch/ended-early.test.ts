// A server that does not stuff a line which is a single dot ends a message there. Such a message is not delivered, and
// never deleted; the others are.
import { expect, test } from "vitest";
import { fetchMail, MemoryLedger } from "../../src/fetch/index.ts";
import { Inbox } from "../support/mail.ts";
import { maildropScript, messageOf } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";

const whole = "Subject: two\r\n\r\nbefore\r\n.\r\nafter\r\n";

test.each([1, 2, 3])("the message that ends early is number %d of 3", async (early) => {
  const deleted = new Set<string>();
  await using server = await ScriptedServer.listen(
    maildropScript(
      {
        [`RETR ${String(early)}`]: `+OK\r\n${whole}.\r\n`,
        DELE: (_, line) => {
          deleted.add(line);
          return "+OK\r\n";
        },
      },
      { count: 3, pipelining: false },
    ),
  );
  const inbox = new Inbox();
  const account = {
    ...{ host: "127.0.0.1", port: server.port, secure: false, stls: "never" as const },
    auth: { user: "ann", pass: "secret" },
  };
  const ledger = new MemoryLedger();
  for (let run = 0; run < 8; run++) {
    const options = {
      ledger,
      destination: inbox.deliver,
      policy: { delete: "delivered" },
      force: true,
    } as const;
    await fetchMail(account, options).catch((error: unknown) => {
      expect(error).toMatchObject({ code: "POP3_UNSOLICITED" });
    });
  }
  const others = [1, 2, 3].filter((number) => number !== early);
  // This server forgets nothing that is deleted, so messages come again.
  expect([...new Set(inbox.texts)].sort()).toEqual(others.map(messageOf));
  expect([...deleted].sort()).toEqual(others.map((number) => `DELE ${String(number)}`));
});
