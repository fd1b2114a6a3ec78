// GSSAPI needs only a Kerberos ticket, which opens only the maildrop of its owner.
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Pop3Client, type Pop3Auth } from "../../src/index.ts";
import { Cyrus } from "../servers/cyrus.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { Kdc } from "../servers/kdc.ts";
import type { MailServer } from "../servers/mail-server.ts";
import { hasKerberos } from "./auth-kerberos.ts";
import { authTransports, reachBy, type AuthTransport } from "./auth-transport.ts";
import { Wire } from "./wire.ts";

const launchers = {
  Dovecot: (kerberos: Kdc) => Dovecot.start({ users, kerberos }),
  Cyrus: (kerberos: Kdc) => Cyrus.start({ users, kerberos }),
};
const users = { ann: "secret", ben: "other" };
const rejected = {
  name: "Pop3ReplyError",
  code: "POP3_AUTH_REJECTED",
  responseCode: "AUTH",
  temporary: false,
};

let kdc: Kdc;

beforeAll(async () => {
  kdc = await Kdc.start({ users: ["ann", "ben", "cyd"] });
  // Whoever runs this may have tickets of his own.
  vi.stubEnv("KRB5_CONFIG", kdc.configFile);
  vi.stubEnv("KRB5CCNAME", `FILE:${kdc.configFile}.no-tickets`);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await kdc.stop();
});

describe.each(Object.entries(launchers))("%s", (_name, start) => {
  let server: MailServer;

  beforeAll(async () => {
    server = await start(kdc);
    const message = Buffer.from("Subject: one\r\n\r\n");
    await server.deliver("ann", [message]);
    await server.deliver("ben", [message, message]);
  });

  afterAll(async () => {
    await server.stop();
  });

  const connect = (auth: Pop3Auth = {}, transport: AuthTransport = "TLS 1.3"): Promise<Pop3Client> =>
    Pop3Client.connect({ ...reachBy(server, transport), auth: { ...auth, mechanism: "GSSAPI" } });

  /** How many messages are in the maildrop that a login leads to: each has another number. */
  async function count(auth?: Pop3Auth, transport?: AuthTransport): Promise<number> {
    await using client = await connect(auth, transport);
    const { count: messages } = await client.stat();
    await client.quit();
    return messages;
  }

  /** Rejects, and gives what went out before that. */
  async function expectFailure(auth: Pop3Auth, failure: object): Promise<string[]> {
    using wire = new Wire();
    await expect(connect(auth)).rejects.toMatchObject(failure);
    return wire.take();
  }

  it("without the package, or without a ticket, nothing is sent", async () => {
    expect(await expectFailure({ user: "ann" }, { code: "POP3_NOT_SUPPORTED" })).toEqual(["CAPA"]);
  });

  if (!hasKerberos) return;

  it.each(authTransports)("over %s, with a ticket", async (transport) => {
    using _ = kdc.actAs("ann");
    expect(await count({ user: "ann" }, transport)).toBe(1);
  });

  it("without a name: the name in the ticket is used", async () => {
    for (const [owner, messages] of [
      ["ann", 1],
      ["ben", 2],
    ] as const) {
      using _ = kdc.actAs(owner);
      expect(await count()).toBe(messages);
      expect(await count({ user: owner, authzid: owner })).toBe(messages);
    }
  });

  it("the ticket of another user is refused", async () => {
    using _ = kdc.actAs("ben");
    await expectFailure({ user: "ann" }, rejected);
    await expectFailure({ authzid: "ann" }, rejected);
    await expectFailure({ user: "ben", authzid: "ann" }, rejected);
  });

  it("the ticket of a user without a maildrop is refused", async () => {
    using _ = kdc.actAs("cyd");
    await expectFailure({ user: "ann" }, rejected);
  });

  it("without a ticket the error shows the reason from Kerberos, and the session continues", async () => {
    await using client = await Pop3Client.connect(reachBy(server, "TLS 1.3"));
    await expect(client.authenticate({ user: "ann", mechanism: "GSSAPI" })).rejects.toMatchObject({
      code: "POP3_NOT_SUPPORTED",
      message: expect.stringContaining("no ticket for pop@127.0.0.1: ") as string,
    });
    await client.authenticate({ user: "ann", pass: users.ann });
    expect(await client.stat()).toMatchObject({ count: 1 });
    await client.quit();
  });
});
