// With `logUser: false`, a pool and a fetch show no user name either: not in errors, reports, the log or on the
// diagnostics channels.
import { expect, test } from "vitest";
import { Pop3Pool } from "popwright";
import { fetchAll, fetchMail, MemoryLedger } from "popwright/fetch";
import { Pop3Server, type Fault } from "popwright/testing";
import { to } from "../../support/ann.ts";
import { Inbox } from "../../support/mail.ts";
import { visible } from "../../support/secret.ts";
import { keepSessionLog } from "../../support/session-log.ts";

const USER = "annabel@mail.test";
const NAME = /annabel/i;
const NO_MAIL = `-ERR [SYS/TEMP] no mail for ${USER}, Annabel\r\n`;

const { log, keep } = keepSessionLog();

function annabel(faults: readonly Fault[] = []): Promise<Pop3Server> {
  const user = { pass: "secret-5", messages: ["Subject: 1\r\n\r\n1\r\n"] };
  return Pop3Server.listen({ users: { [USER]: user }, faults });
}

const account = (server: Pop3Server, pass = "secret-5", logUser = false) => ({
  ...to(server, { stls: "never", auth: { user: USER, pass } }),
  logUser,
});

test("in a pool", async () => {
  await using server = await annabel([
    { on: "STAT", reply: NO_MAIL },
    { on: "STAT", nth: 2, reply: NO_MAIL },
  ]);
  await using pool = new Pop3Pool({ retryFor: 0 });
  const run = (pass: string, logUser: boolean): Promise<unknown> =>
    pool.use(account(server, pass, logUser), (client) => client.stat()).catch((thrown: unknown) => thrown);
  const errors = [await run("secret-5", false), await run("wrong-5", false)];
  expect(errors).toMatchObject([{ command: "STAT" }, { code: "POP3_AUTH_REJECTED" }]);
  expect([...errors.map(visible), ...log].join("\n")).not.toMatch(NAME);
  expect(visible(await run("secret-5", true))).toMatch(NAME);
});

test("in a fetch of a mailbox that has another name", async () => {
  await using server = await annabel([{ on: "LIST", reply: NO_MAIL }]);
  const options = {
    mailbox: "work",
    ledger: new MemoryLedger(),
    destination: new Inbox().deliver,
    force: true,
    onEvent: keep,
  };
  for (const pass of ["wrong-5", "secret-5"]) {
    const outcome: unknown = await fetchMail(account(server, pass), options).catch(
      (thrown: unknown) => thrown,
    );
    keep(outcome);
  }
  expect(log.join("\n")).toContain("work");
  expect(log.join("\n")).not.toMatch(NAME);
});

test("in a fetch of many mailboxes", async () => {
  await using server = await annabel();
  const events = fetchAll([{ account: account(server), mailbox: "work" }], {
    ledger: new MemoryLedger(),
    destination: () => new Inbox().deliver,
  });
  for await (const event of events) keep(event);
  expect(log.join("\n")).toContain("delivered");
  expect(log.join("\n")).not.toMatch(NAME);
});
