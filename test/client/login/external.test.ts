// EXTERNAL: the certificate has identified the client. No secret is needed, and none is requested.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth, type Pop3ClientOptions } from "../../../src/index.ts";
import { makeCertificate, Pop3Server, type Pop3ServerOptions } from "../../../src/testing/index.ts";
import { auth, offering, said, to, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

/** Bob's certificate, and one that an attacker made in his name. */
const bob = makeCertificate({ commonName: "bob@example.com" });
const forged = makeCertificate({ commonName: "bob@example.com" });
const EXTERNAL: Pop3Auth = { mechanism: "EXTERNAL" };

const users = {
  bob: { certificateName: "bob@example.com", messages: ["Subject: for bob\r\n\r\n"] },
  ann: { pass: "secret" },
};

/** Asks for certificates, and trusts Bob's. */
async function listen(how: string, more: Pop3ServerOptions = {}): Promise<Pop3Server> {
  const tls = { requestCert: true, rejectUnauthorized: false, ca: bob.cert };
  return Pop3Server.listen({
    users,
    sasl: ["EXTERNAL", "PLAIN"],
    ...(how === "by STLS" ? { stls: tls } : { tls }),
    ...more,
  });
}

const withCertificate = (
  server: Pop3Server,
  given: Pop3Auth,
  { key, cert }: { key?: string; cert?: string } = bob,
): Pop3ClientOptions =>
  to(server, {
    auth: given,
    tls: { ca: server.ca, ...(key !== undefined && { key }), ...(cert !== undefined && { cert }) },
  });

describe.each(["from the first octet", "by STLS"])("with TLS %s", (how) => {
  test("logs in without user and password", async () => {
    await using server = await listen(how);
    await using client = await Pop3Client.connect(withCertificate(server, EXTERNAL));
    expect(await client.stat()).toMatchObject({ count: 1 });
    expect(said(server)).toContain("C: AUTH EXTERNAL ****");
  });

  test("waits for the server's first challenge", async () => {
    await using server = await listen(how);
    const given = { ...EXTERNAL, initialResponse: false };
    await using client = await Pop3Client.connect(withCertificate(server, given));
    expect(client.state).toBe("transaction");
    expect(said(server)).toContain("C: AUTH EXTERNAL");
  });

  test("acts for the identity of the certificate, and for no other", async () => {
    await using server = await listen(how);
    const client = await Pop3Client.connect(withCertificate(server, { ...EXTERNAL, authzid: "bob" }));
    await client.quit();
    for (const authzid of ["ann", "nobody"]) {
      const given = { ...EXTERNAL, authzid };
      expect(await codeOf(Pop3Client.connect(withCertificate(server, given)))).toBe("POP3_AUTH_REJECTED");
    }
  });

  test("logs in the given user, and no other", async () => {
    await using server = await listen(how);
    const client = await Pop3Client.connect(withCertificate(server, { ...EXTERNAL, user: "bob" }));
    await client.quit();
    const given = { ...EXTERNAL, user: "ann" };
    expect(await codeOf(Pop3Client.connect(withCertificate(server, given)))).toBe("POP3_AUTH_REJECTED");
  });

  test.each([
    ["a certificate of an unknown authority", forged],
    ["no certificate", {}],
  ])("rejects with %s: the server does not offer EXTERNAL", async (_, certificate) => {
    await using server = await listen(how);
    const options = withCertificate(server, EXTERNAL, certificate);
    expect(await codeOf(Pop3Client.connect(options))).toBe("POP3_AUTH_NO_MECHANISM");
    await server.idle();
    expect(said(server).some((line) => line.includes("AUTH"))).toBe(false);
  });

  test("is not used if there is a password, even with a certificate", async () => {
    await using server = await listen(how);
    await using client = await Pop3Client.connect(withCertificate(server, auth));
    expect(client.state).toBe("transaction");
    expect(said(server)).toContain("C: AUTH PLAIN ****");
  });
});

test.each([
  ["an empty identity for the owner of the certificate", {}, "="],
  ["the identity of another", { authzid: "b\u00f6b" }, "YsO2Yg=="],
])("sends %s", async (_, given, message) => {
  const script = [`C: AUTH EXTERNAL ${message}`, "S: +OK", "C: CAPA", "S: -ERR"];
  await using server = await ScriptedServer.listen([...offering("SASL EXTERNAL"), ...script]);
  const client = await Pop3Client.connect(toScript(server, { auth: { ...EXTERNAL, ...given } }));
  expect(client.state).toBe("transaction");
  client.close();
  await server.played();
});

test("is first if the caller lists it first, and the password is next", async () => {
  await using server = await listen("from the first octet");
  const given = { ...auth, mechanisms: ["EXTERNAL", "PLAIN"] };
  const client = await Pop3Client.connect(withCertificate(server, given, {}));
  expect(client.state).toBe("transaction");
  client.close();
  expect(said(server)).toContain("C: AUTH PLAIN ****");
});

test("does not request the password", async () => {
  let asked = 0;
  const pass = (): string => {
    asked++;
    return "secret";
  };
  await using server = await listen("from the first octet");
  await using client = await Pop3Client.connect(withCertificate(server, { ...EXTERNAL, user: "bob", pass }));
  expect(client.state).toBe("transaction");
  expect(asked).toBe(0);
});
