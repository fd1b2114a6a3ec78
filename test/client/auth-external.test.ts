// EXTERNAL: who the client is has been said by its certificate. No secret is needed, and none is asked for.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Auth, type Pop3ClientOptions } from "../../src/index.ts";
import { makeCertificate, Pop3Server, type Pop3ServerOptions } from "../../src/testing/index.ts";
import { auth, offering, said, to, toScript } from "./ann.ts";
import { codeOf } from "./outcome.ts";
import { ScriptedServer } from "./scripted-server.ts";

/** Bob's certificate, and one that somebody made for himself in his name. */
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
  test("logs in without user and without password", async () => {
    await using server = await listen(how);
    await using client = await Pop3Client.connect(withCertificate(server, EXTERNAL));
    expect(await client.stat()).toMatchObject({ count: 1 });
    expect(said(server)).toContain("C: AUTH EXTERNAL ****");
  });

  test("for the server to ask first", async () => {
    await using server = await listen(how);
    const given = { ...EXTERNAL, initialResponse: false };
    await using client = await Pop3Client.connect(withCertificate(server, given));
    expect(client.state).toBe("transaction");
    expect(said(server)).toContain("C: AUTH EXTERNAL");
  });

  test("as whom the certificate names, and as nobody else", async () => {
    await using server = await listen(how);
    const client = await Pop3Client.connect(withCertificate(server, { ...EXTERNAL, authzid: "bob" }));
    await client.quit();
    for (const authzid of ["ann", "nobody"]) {
      const given = { ...EXTERNAL, authzid };
      expect(await codeOf(Pop3Client.connect(withCertificate(server, given)))).toBe("POP3_AUTH_REJECTED");
    }
  });

  test("of the user whom the caller names, and of nobody else", async () => {
    await using server = await listen(how);
    const client = await Pop3Client.connect(withCertificate(server, { ...EXTERNAL, user: "bob" }));
    await client.quit();
    const given = { ...EXTERNAL, user: "ann" };
    expect(await codeOf(Pop3Client.connect(withCertificate(server, given)))).toBe("POP3_AUTH_REJECTED");
  });

  test.each([
    ["a certificate that somebody else has signed", forged],
    ["none", {}],
  ])("not with %s: it is not even offered", async (_, certificate) => {
    await using server = await listen(how);
    const options = withCertificate(server, EXTERNAL, certificate);
    expect(await codeOf(Pop3Client.connect(options))).toBe("POP3_AUTH_NO_MECHANISM");
    await server.idle();
    expect(said(server).some((line) => line.includes("AUTH"))).toBe(false);
  });

  test("is not what a password is for, though a certificate was shown", async () => {
    await using server = await listen(how);
    await using client = await Pop3Client.connect(withCertificate(server, auth));
    expect(client.state).toBe("transaction");
    expect(said(server)).toContain("C: AUTH PLAIN ****");
  });
});

test.each([
  ["for whom the certificate names", {}, "="],
  ["for somebody", { authzid: "b\u00f6b" }, "YsO2Yg=="],
])("%s, on the wire", async (_, given, message) => {
  const script = [`C: AUTH EXTERNAL ${message}`, "S: +OK", "C: CAPA", "S: -ERR"];
  await using server = await ScriptedServer.listen([...offering("SASL EXTERNAL"), ...script]);
  const client = await Pop3Client.connect(toScript(server, { auth: { ...EXTERNAL, ...given } }));
  expect(client.state).toBe("transaction");
  client.close();
  await server.played();
});

test("comes first where the caller names it first, with the password behind", async () => {
  await using server = await listen("from the first octet");
  const given = { ...auth, mechanisms: ["EXTERNAL", "PLAIN"] };
  const client = await Pop3Client.connect(withCertificate(server, given, {}));
  expect(client.state).toBe("transaction");
  client.close();
  expect(said(server)).toContain("C: AUTH PLAIN ****");
});

test("the password is not asked for", async () => {
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
