// Kills a fetcher of a real server, whose sessions hold a lock and continue for a moment after their client has died.
import { writeSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";
import { Pop3Client, Pop3Error, type Pop3ClientOptions } from "../../src/index.ts";
import { Courier } from "../servers/courier.ts";
import { Cyrus } from "../servers/cyrus.ts";
import { Dovecot } from "../servers/dovecot.ts";
import type { MailServer } from "../servers/mail-server.ts";
import { reach } from "../servers/transport.ts";
import { dieAt, dieAtRandom, MOMENTS, type Maildrop } from "./crashes.ts";

/** The destinations. Each has a maildrop of its own, because a test that fails leaves mail. */
const USERS = { maildir: "ann", mbox: "bea", command: "cat" } as const;
type Destination = keyof typeof USERS;

const options = { users: Object.fromEntries(Object.values(USERS).map((user) => [user, "secret"])) };

/** With how many kills: a fetcher against Dovecot, and one against each of the others. */
const KILLS: Readonly<Record<Destination, readonly [number, number]>> = {
  maildir: [60, 8],
  mbox: [30, 4],
  command: [30, 4],
};

/** `POPWRIGHT_MAILDIR_KILLS=300`, `POPWRIGHT_MBOX_KILLS=300` and `POPWRIGHT_COMMAND_KILLS=300` for the long run. */
function killsOf(destination: Destination, name: string): number {
  const chosen = process.env[`POPWRIGHT_${destination.toUpperCase()}_KILLS`];
  return Number(chosen ?? KILLS[destination][name === "Dovecot" ? 0 : 1]);
}

function maildropOf(server: MailServer, user: string): Maildrop {
  const account = {
    ...reach(server, "plain"),
    auth: { user, pass: "secret", mechanism: "PLAIN" },
  } satisfies Pop3ClientOptions;
  return {
    account,
    add: (messages) =>
      server.deliver(
        user,
        messages.map((message) => Buffer.from(message, "latin1")),
      ),
    count: async () => (await server.mailbox(user)).length,
    free: () => waitUntilFree(account),
  };
}

/** Logs in until the server allows it: Cyrus refuses a maildrop that another session has. Dovecot lets the client wait. */
async function waitUntilFree(account: Pop3ClientOptions): Promise<void> {
  for (let isFree = false; !isFree;) {
    isFree = await Pop3Client.use(account, () => true).catch((error: unknown) => {
      if (Pop3Error.is(error) && "responseCode" in error && error.responseCode === "IN-USE") return false;
      throw error;
    });
  }
}

describe("Dovecot, killed at a given step", () => {
  let server: Dovecot;
  beforeAll(async () => {
    server = await Dovecot.start(options);
  });
  beforeEach(() => server.clear("ann"));
  afterAll(() => server.stop());

  test.each(MOMENTS)("%s, the %d. time, deleting: %s", (...moment) =>
    dieAt(maildropOf(server, "ann"), moment),
  );
});

describe.each([
  ["Dovecot", () => Dovecot.start(options)],
  ["Cyrus", () => Cyrus.start(options)],
  ["Courier", () => Courier.start(options)],
] as const)("%s, killed at random", (name, start) => {
  let server: MailServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  test.each(Object.keys(USERS) as Destination[])(
    "into the destination %s",
    { timeout: 6_000_000 },
    async (kind) => {
      const kills = killsOf(kind, name);
      const began = performance.now();
      // Courier announces a pause of ten seconds between logins, so there a run has one session.
      const commitEvery = name === "Courier" ? 1000 : 7;
      const random = { kills, batch: 20, commitEvery, seed: 20_261_121, kind };
      const { messages, runs, again } = await dieAtRandom(maildropOf(server, USERS[kind]), random);
      const seconds = ((performance.now() - began) / 1000).toFixed(0);
      const seen = kind === "command" ? `seen whole, ${again} again with the same key` : "each there once";
      writeSync(
        1,
        `killed ${kills} times in ${runs} runs against ${name}, ${kind}: ${messages} messages, ${seen}, ${seconds} s\n`,
      );
    },
  );
});
