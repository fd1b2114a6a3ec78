// EXTERNAL needs only a client certificate, which opens only the maildrop of its owner.
import type { ConnectionOptions } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../src/index.ts";
import { Cyrus } from "../servers/cyrus.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { reachBy, type AuthTransport } from "./auth-transport.ts";
import { Wire } from "./wire.ts";

const known = { users: { ann: "secret", ben: "other" }, clientCertificates: true };
const overTls: readonly AuthTransport[] = ["STLS", "TLS 1.2", "TLS 1.3"];
const rejected = {
  name: "Pop3ReplyError",
  code: "POP3_AUTH_REJECTED",
  responseCode: "AUTH",
  temporary: false,
};

const launchers = {
  // Dovecot lists EXTERNAL even if it accepts it from no client.
  Dovecot: { start: () => Dovecot.start(known), without: rejected, stranger: rejected },
  // Cyrus accepts the certificate of any user, and then finds no maildrop for that user.
  Cyrus: {
    start: () => Cyrus.start(known),
    without: { code: "POP3_AUTH_NO_MECHANISM" },
    stranger: { code: "POP3_TEMPORARY", responseCode: "SYS/TEMP" },
  },
};

describe.each(Object.entries(launchers))("%s", (_name, { start, without, stranger }) => {
  let server: Dovecot | Cyrus;
  const certificates = new Map<string, ConnectionOptions>();

  beforeAll(async () => {
    server = await start();
    const message = Buffer.from("Subject: one\r\n\r\n");
    await server.deliver("ann", [message]);
    await server.deliver("ben", [message, message]);
    for (const owner of ["ann", "ben", "stranger"]) {
      certificates.set(owner, { ...(await server.clientCertificate(owner)) });
    }
  });

  afterAll(async () => {
    await server.stop();
  });

  const connect = (owner: string, transport: AuthTransport, auth: Pop3Auth = {}): Promise<Pop3Client> =>
    Pop3Client.connect({
      ...reachBy(server, transport, certificates.get(owner)),
      auth: { ...auth, mechanism: "EXTERNAL" },
    });

  /** How many messages are in the maildrop that a login leads to: each has another number. */
  async function count(...login: Parameters<typeof connect>): Promise<number> {
    await using client = await connect(...login);
    const { count: messages } = await client.stat();
    await client.quit();
    return messages;
  }

  describe.each(overTls)("%s", (transport) => {
    it("a certificate logs its owner in, with the initial response and without", async () => {
      for (const initialResponse of [true, false]) {
        using wire = new Wire();
        expect(await count("ann", transport, { initialResponse })).toBe(1);
        expect(wire.take()).toEqual(
          expect.arrayContaining(initialResponse ? ["AUTH EXTERNAL ****"] : ["AUTH EXTERNAL", "****"]),
        );
      }
      expect(await count("ben", transport)).toBe(2);
    });

    it("the owner can be named", async () => {
      expect(await count("ben", transport, { authzid: "ben" })).toBe(2);
    });

    it("another user cannot be named", async () => {
      await expect(connect("ben", transport, { authzid: "ann" })).rejects.toMatchObject(rejected);
    });

    it("without a certificate the login is refused", async () => {
      await expect(connect("nobody", transport)).rejects.toMatchObject(without);
      await expect(connect("nobody", transport, { authzid: "ann" })).rejects.toMatchObject(without);
      // Nor if the client insists on EXTERNAL, although it is not listed.
      await expect(connect("nobody", transport, { force: true })).rejects.toMatchObject(rejected);
    });

    it("a certificate does not replace a password", async () => {
      const options = reachBy(server, transport, certificates.get("ann"));
      const auth = { user: "ann", pass: "wrong" };
      await expect(Pop3Client.connect({ ...options, auth })).rejects.toMatchObject(rejected);
    });
  });

  it("a certificate of a user without a maildrop", async () => {
    await expect(connect("stranger", "TLS 1.3")).rejects.toMatchObject(stranger);
  });
});
