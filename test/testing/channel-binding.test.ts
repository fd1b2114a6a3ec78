// What the server uses of TLS in logins: channel bindings (RFC 5929, RFC 9266) and the client's certificate.
import { createHash, X509Certificate } from "node:crypto";
import { createSecureContext, rootCertificates, type ConnectionOptions, type TLSSocket } from "node:tls";
import { describe, expect, it } from "vitest";
import { signatureHash } from "../../src/testing/channel-binding.ts";
import { bitString, der, objectIdentifier, sequence } from "../../src/testing/der.ts";
import { makeCertificate, Pop3Server, type Pop3ServerOptions } from "../../src/testing/index.ts";
import { RawClient } from "./raw-client.ts";
import { clientFinal } from "./scram-client.ts";

const users = { ann: { pass: "secret" }, bob: { certificateName: "Robert" }, "änne, B": {} };
const mechanism = "SCRAM-SHA-256-PLUS";
const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Each binding as the client sees it, where TLS 1.2 or 1.3 has it. */
const BINDINGS: Readonly<Record<string, (tls: TLSSocket) => Buffer | undefined>> = {
  "tls-exporter": (tls) => tls.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0)),
  "tls-unique": (tls) => (tls.isSessionReused() ? tls.getPeerFinished() : tls.getFinished()),
  "tls-server-end-point": (tls) => createHash("sha256").update(tls.getPeerCertificate().raw).digest(),
};

async function greeted(server: Pop3Server, tls?: ConnectionOptions): Promise<RawClient> {
  const client = RawClient.to(server, tls);
  await client.until("\r\n");
  return client;
}

/** Logs in with a channel binding; gives the last answer. */
async function login(
  client: RawClient,
  type: string,
  binding = BINDINGS[type]?.(client.tls),
): Promise<string> {
  const header = `p=${type},,`;
  const first = await client.ask(`AUTH ${mechanism} ${base64(`${header}n=ann,r=abc`)}`);
  if (!first.startsWith("+ ")) return first;
  const scram = { mechanism, pass: "secret", header, ...(binding !== undefined && { binding }) };
  const final = clientFinal(scram, Buffer.from(first.slice(2), "base64").toString());
  const second = await client.ask(base64(final.message));
  if (!second.startsWith("+ ")) return second;
  expect(second).toBe(`+ ${base64(`v=${final.serverSignature}`)}\r\n`);
  return client.ask("");
}

const LOGGED_IN = "+OK logged in\r\n";
const setting = { users, sasl: [mechanism, "EXTERNAL"], scram: { iterations: 1 }, lock: false } as const;

describe.each(["TLSv1.2", "TLSv1.3"] as const)("SCRAM-SHA-256-PLUS over %s", (maxVersion) => {
  it.each(Object.keys(BINDINGS))("accepts only the right binding with %s", async (type) => {
    await using server = await Pop3Server.listen({ ...setting, tls: true });
    const [one, other] = [await greeted(server, { maxVersion }), await greeted(server, { maxVersion })];
    if (type === "tls-unique" && maxVersion === "TLSv1.3") {
      expect(await login(one, type)).toBe("-ERR unsupported-channel-binding-type\r\n");
      return;
    }
    const binding = BINDINGS[type]?.(one.tls);
    if (type !== "tls-server-end-point") {
      expect(await login(other, type, binding)).toBe("-ERR channel-bindings-dont-match\r\n");
    }
    expect(await login(one, type, binding)).toBe(LOGGED_IN);
  });

  it("is offered only after STLS", async () => {
    await using server = await Pop3Server.listen({ ...setting, stls: true });
    const client = await greeted(server);
    expect(await login(client, "tls-exporter", Buffer.alloc(0))).toBe("-ERR unknown mechanism\r\n");
    client.send("CAPA\r\n");
    expect(await client.until("\r\n.\r\n")).not.toContain("SASL");
    await client.ask("STLS");
    client.startTls(server, { maxVersion });
    client.send("CAPA\r\n");
    expect(await client.until("\r\n.\r\n")).toContain(`\r\nSASL ${mechanism}\r\n`);
    expect(await login(client, "tls-exporter")).toBe(LOGGED_IN);
  });
});

it("offers no -PLUS for an unknown type of binding", async () => {
  const scram = { channelBindings: ["x-none"] };
  await using server = await Pop3Server.listen({ ...setting, tls: true, scram });
  const client = await greeted(server);
  expect(await login(client, "x-none")).toBe("-ERR unknown mechanism\r\n");
});

it("tls-unique is the server's Finished if a session of TLS 1.2 is resumed", async () => {
  const certificate = makeCertificate();
  const secureContext = createSecureContext(certificate);
  await using server = await Pop3Server.listen({ ...setting, tls: { ...certificate, secureContext } });
  const first = await greeted(server, { maxVersion: "TLSv1.2" });
  const session = first.tls.getSession();
  const again = await greeted(server, { maxVersion: "TLSv1.2", ...(session !== undefined && { session }) });
  expect([first.tls.isSessionReused(), again.tls.isSessionReused()]).toEqual([false, true]);
  expect(await login(first, "tls-unique")).toBe(LOGGED_IN);
  expect(await login(again, "tls-unique", again.tls.getFinished())).toBe(
    "-ERR channel-bindings-dont-match\r\n",
  );
  expect(await login(again, "tls-unique")).toBe(LOGGED_IN);
});

describe("EXTERNAL", () => {
  const ann = makeCertificate({ commonName: "ann" });
  const robert = makeCertificate({ commonName: "Robert" });
  const NOBODY = "-ERR [AUTH] no user has this certificate\r\n";
  const UNKNOWN = "-ERR unknown mechanism\r\n";

  async function external(tls: Pop3ServerOptions["tls"], client: ConnectionOptions): Promise<string> {
    await using server = await Pop3Server.listen({ ...setting, tls: tls ?? true });
    const raw = await greeted(server, client);
    return await raw.ask("AUTH EXTERNAL =");
  }

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "identifies the client by its certificate, over %s",
    async (maxVersion) => {
      const tls = { requestCert: true, maxVersion };
      expect(await external(tls, ann)).toBe(LOGGED_IN);
      expect(await external(tls, robert)).toBe(LOGGED_IN);
      expect(await external(tls, makeCertificate({ commonName: "änne, B" }))).toBe(LOGGED_IN);
      expect(await external(tls, makeCertificate({ commonName: "bob" }))).toBe(NOBODY);
      expect(await external(tls, {})).toBe(UNKNOWN);
      expect(await external({ maxVersion }, ann)).toBe(UNKNOWN);
    },
  );

  it("trusts only the given authorities, and only valid certificates", async () => {
    const tls = { requestCert: true, ca: [ann.cert, robert.cert] };
    expect(await external(tls, ann)).toBe(LOGGED_IN);
    expect(await external(tls, robert)).toBe(LOGGED_IN);
    expect(await external(tls, makeCertificate({ commonName: "ann" }))).toBe(UNKNOWN);
    expect(await external({ requestCert: true, ca: robert.cert }, ann)).toBe(UNKNOWN);
    const over = makeCertificate({ commonName: "ann", notAfter: new Date(Date.now() - 60_000) });
    expect(await external({ requestCert: true }, over)).toBe(UNKNOWN);
    const later = makeCertificate({ commonName: "ann", notBefore: new Date(Date.now() + 600_000) });
    expect(await external({ requestCert: true, ca: later.cert }, later)).toBe(UNKNOWN);
  });

  it("works after STLS", async () => {
    await using server = await Pop3Server.listen({ ...setting, stls: { requestCert: true } });
    const client = await greeted(server);
    await client.ask("STLS");
    client.startTls(server, ann);
    expect(await client.ask("AUTH EXTERNAL =")).toBe(LOGGED_IN);
  });
});

describe("the hash of tls-server-end-point (RFC 5929 section 4.1)", () => {
  /** A certificate with nothing in it but what its signature is. */
  const certificate = (...algorithm: readonly Buffer[]): Buffer =>
    sequence(sequence(Buffer.alloc(300)), sequence(...algorithm), bitString(Buffer.alloc(64)));
  const NULL = der(0x05);

  it.each([
    ["md5WithRSAEncryption", "1.2.840.113549.1.1.4", "sha256"],
    ["sha1WithRSAEncryption", "1.2.840.113549.1.1.5", "sha256"],
    ["sha224WithRSAEncryption", "1.2.840.113549.1.1.14", "sha224"],
    ["sha256WithRSAEncryption", "1.2.840.113549.1.1.11", "sha256"],
    ["sha384WithRSAEncryption", "1.2.840.113549.1.1.12", "sha384"],
    ["sha512WithRSAEncryption", "1.2.840.113549.1.1.13", "sha512"],
    ["ecdsa-with-SHA1", "1.2.840.10045.4.1", "sha256"],
    ["ecdsa-with-SHA224", "1.2.840.10045.4.3.1", "sha224"],
    ["ecdsa-with-SHA256", "1.2.840.10045.4.3.2", "sha256"],
    ["ecdsa-with-SHA384", "1.2.840.10045.4.3.3", "sha384"],
    ["ecdsa-with-SHA512", "1.2.840.10045.4.3.4", "sha512"],
    ["Ed25519", "1.3.101.112", undefined],
    ["Ed448", "1.3.101.113", undefined],
  ])("is found for %s", (_, id, hash) => {
    expect(signatureHash(certificate(objectIdentifier(id), NULL))).toBe(hash);
    expect(signatureHash(certificate(objectIdentifier(id)))).toBe(hash);
  });

  it.each([
    ["2.16.840.1.101.3.4.2.1", "sha256"],
    ["2.16.840.1.101.3.4.2.2", "sha384"],
    ["2.16.840.1.101.3.4.2.3", "sha512"],
    ["2.16.840.1.101.3.4.2.4", "sha224"],
    ["1.3.14.3.2.26", "sha256"],
    ["1.2.3", undefined],
  ])("is found for RSASSA-PSS with %s", (id, hash) => {
    const pss = objectIdentifier("1.2.840.113549.1.1.10");
    const hashAlgorithm = der(0xa0, sequence(objectIdentifier(id), NULL));
    const saltLength = der(0xa2, der(0x02, Buffer.from([32])));
    expect(signatureHash(certificate(pss, sequence(hashAlgorithm, saltLength)))).toBe(hash);
    expect(signatureHash(certificate(pss, sequence(saltLength)))).toBe("sha256"); // SHA-1 is the default
    expect(signatureHash(certificate(pss))).toBe("sha256");
  });

  it("is found for certificates of other implementations", () => {
    const hashes = rootCertificates.map((pem) => signatureHash(new X509Certificate(pem).raw));
    expect(hashes.length).toBeGreaterThan(100);
    expect(["sha256", "sha384", "sha512"]).toEqual(expect.arrayContaining([...new Set(hashes)]));
  });
});
