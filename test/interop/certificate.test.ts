// A server whose certificate is not accepted receives no user name and no password, over either transport.
import type { LookupFunction } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../src/index.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { reach } from "../servers/transport.ts";
import { Wire } from "./wire.ts";

const auth = { user: "ann", pass: "secret" };
const users = { [auth.user]: auth.pass };

/** Every name leads to the server, as if DNS said so. */
const lookup: LookupFunction = (_hostname, options, callback) => {
  if (options.all === true) callback(null, [{ address: "127.0.0.1", family: 4 }]);
  else callback(null, "127.0.0.1", 4);
};

describe.each(["STLS", "TLS port"] as const)("the certificate over %s", (transport) => {
  const before = transport === "STLS" ? ["CAPA", "STLS"] : [];
  const login = ["CAPA", "AUTH SCRAM-SHA-256 ****", "****", "****", "CAPA"];
  let server: Dovecot;
  let named: Dovecot;
  let other: Dovecot;

  beforeAll(async () => {
    [server, named, other] = await Promise.all([
      Dovecot.start({ users }),
      Dovecot.start({ users, certificateNames: ["DNS:pop.example.test", "DNS:*.wild.example.test"] }),
      Dovecot.start({ users }),
    ]);
  });

  afterAll(async () => {
    await Promise.all([server.stop(), named.stop(), other.stop()]);
  });

  async function accepted(options: Pop3ClientOptions): Promise<boolean | undefined> {
    using wire = new Wire();
    await using client = await Pop3Client.connect({ ...options, auth });
    const authorized = client.tlsInfo?.authorized;
    expect(client.tlsInfo?.protocol).toBe("TLSv1.3");
    await client.quit();
    expect(wire.take()).toEqual([...before, ...login, "QUIT"]);
    return authorized;
  }

  async function refused(options: Pop3ClientOptions): Promise<void> {
    using wire = new Wire();
    const client = new Pop3Client({ ...options, auth });
    await expect(client.connect()).rejects.toMatchObject({
      name: "Pop3ConnectionError",
      code: "POP3_TLS_CERT",
    });
    expect(client.state).toBe("closed");
    expect(wire.take()).toEqual(before);
  }

  it("of a known authority, for this address, is accepted", async () => {
    expect(await accepted(reach(server, transport))).toBe(true);
  });

  it("of an unknown authority is refused", async () => {
    await refused({ ...reach(server, transport), tls: {} });
  });

  it("of an authority other than the given one is refused", async () => {
    await refused({ ...reach(server, transport), tls: { ca: other.ca } });
  });

  it("for names alone is refused at an address", async () => {
    await refused(reach(named, transport));
  });

  it.each(["pop.example.test", "a.wild.example.test"])("is accepted for its own name %s", async (host) => {
    expect(await accepted({ ...reach(named, transport), host, lookup })).toBe(true);
  });

  it.each(["pop3.example.test", "example.test", "a.b.wild.example.test"])(
    "is refused for another name, %s",
    async (host) => {
      await refused({ ...reach(named, transport), host, lookup });
    },
  );

  it("is accepted at an address for the requested name", async () => {
    const options = reach(named, transport);
    expect(await accepted({ ...options, tls: { ...options.tls, servername: "pop.example.test" } })).toBe(
      true,
    );
  });

  it("is not checked if the caller says so, which is reported", async () => {
    expect(await accepted({ ...reach(server, transport), tls: { rejectUnauthorized: false } })).toBe(false);
  });
});

describe("no password in clear text", () => {
  it.each(["plain", "STLS"] as const)(
    "if the server requires TLS first, and the caller said %s",
    async (transport) => {
      await using server = await Dovecot.start({ users, tlsRequired: true });
      const attempt = Pop3Client.connect({
        ...reach(server, transport),
        // From Dovecot's own address every connection counts as secured.
        localAddress: "127.0.0.2",
        auth: { ...auth, mechanism: "USER" },
      });
      if (transport === "STLS") await (await attempt).quit();
      else await expect(attempt).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED", command: "USER ann" });
    },
  );
});
