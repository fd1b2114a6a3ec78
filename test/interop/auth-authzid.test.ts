// A user who may act for others can do so by every mechanism with an authorization identity. With the other
// mechanisms nothing is sent.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../src/index.ts";
import { Cyrus } from "../servers/cyrus.ts";
import { Dovecot } from "../servers/dovecot.ts";
import type { MailServer } from "../servers/mail-server.ts";
import { reach } from "../servers/transport.ts";
import { Wire } from "./wire.ts";

const users = { ann: "secret", ben: "other" };
const masters = { warden: "key of all doors" };
const warden: Pop3Auth = { user: "warden", pass: masters.warden };

const launchers = {
  Dovecot: {
    start: () => Dovecot.start({ users, masters }),
    mechanisms: ["PLAIN", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"],
  },
  Cyrus: {
    start: () => Cyrus.start({ users, masters }),
    mechanisms: [
      "PLAIN",
      "DIGEST-MD5",
      "SCRAM-SHA-1",
      "SCRAM-SHA-256",
      "SCRAM-SHA-512",
      "SCRAM-SHA-512-PLUS",
    ],
  },
};

describe.each(Object.entries(launchers))("%s", (_name, { start, mechanisms }) => {
  let server: MailServer;

  beforeAll(async () => {
    server = await start();
    const message = Buffer.from("Subject: one\r\n\r\n");
    await server.deliver("ann", [message]);
    await server.deliver("ben", [message, message]);
  });

  afterAll(async () => {
    await server.stop();
  });

  const connect = (auth: Pop3Auth): Promise<Pop3Client> =>
    Pop3Client.connect({ ...reach(server, "TLS port"), auth });

  /** How many messages are in the maildrop that a login leads to: each has another number. */
  async function count(auth: Pop3Auth): Promise<number> {
    await using client = await connect(auth);
    const { count: messages } = await client.stat();
    await client.quit();
    return messages;
  }

  const rejected = {
    name: "Pop3ReplyError",
    code: "POP3_AUTH_REJECTED",
    responseCode: "AUTH",
    temporary: false,
  };

  describe.each([
    ...mechanisms.map((mechanism) => [mechanism, { mechanism }] as const),
    ["its own choice", {}] as const,
  ])("%s", (_mechanism, method) => {
    it("opens the maildrop of the user it names", async () => {
      expect(await count({ ...warden, ...method, authzid: "ann" })).toBe(1);
      expect(await count({ ...warden, ...method, authzid: "ben" })).toBe(2);
    });

    it("changes nothing if it names the same user", async () => {
      expect(await count({ user: "ben", pass: users.ben, ...method, authzid: "ben" })).toBe(2);
    });

    it("is refused to a user without that right, and with a wrong password", async () => {
      const refused = [
        { user: "ann", pass: users.ann, authzid: "ben" },
        { ...warden, pass: users.ann, authzid: "ann" },
      ];
      for (const auth of refused)
        await expect(connect({ ...auth, ...method })).rejects.toMatchObject(rejected);
    });
  });

  it.each(["USER", "APOP", "LOGIN", "CRAM-MD5"])(
    "%s does not support it: nothing is sent",
    async (mechanism) => {
      using wire = new Wire();
      await expect(connect({ ...warden, mechanism, authzid: "ann" })).rejects.toMatchObject({
        code: "POP3_AUTH_NO_MECHANISM",
      });
      expect(wire.take()).toEqual(["CAPA"]);
    },
  );
});
