// A TLS session is resumed only with the server that it was verified with, and is never checked less than a new
// one.
import type { ConnectionOptions, PeerCertificate } from "node:tls";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { makeCertificate, type Pop3Server } from "../../../src/testing/index.ts";
import { auth, listen, to } from "../../support/ann.ts";
import { failureOf } from "../../support/outcome.ts";

const tlsModule = process.getBuiltinModule("node:tls");
const HOUR = 3_600_000; // milliseconds

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Runs a whole session. Returns whether it resumed an earlier TLS session. */
async function resumed(server: Pop3Server, tls: ConnectionOptions): Promise<boolean | undefined> {
  const client = await Pop3Client.connect(to(server, { tls, auth }));
  await client.uidl();
  const { tlsInfo } = client;
  await client.quit();
  return tlsInfo?.resumed;
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (version) => {
  test.each(["from the first octet", "by STLS"])(
    "is resumed %s: with the same options object, and with another one of equal values",
    async (how) => {
      const certificate = { ...makeCertificate(), maxVersion: version };
      await using server = await listen(how === "by STLS" ? { stls: certificate } : { tls: certificate });
      const tls = { ca: server.ca };
      expect(await resumed(server, tls)).toBe(false);
      expect(await resumed(server, tls)).toBe(true);
      expect(await resumed(server, tls)).toBe(true);
      expect(await resumed(server, { ca: server.ca })).toBe(true);
      expect(await resumed(server, structuredClone(tls))).toBe(true);
      expect(await resumed(server, { minVersion: undefined, ca: server.ca })).toBe(true);
    },
  );

  test("is not resumed with another port of the same host", async () => {
    const certificate = { ...makeCertificate(), maxVersion: version };
    await using one = await listen({ tls: certificate });
    await using other = await listen({ tls: certificate });
    const tls = { ca: one.ca };
    await resumed(one, tls);
    expect(await resumed(other, tls)).toBe(false);
    expect(await resumed(one, tls)).toBe(true);
  });

  test("is never resumed if the certificate was not verified", async () => {
    await using server = await listen({ tls: { ...makeCertificate(), maxVersion: version } });
    const tls = { rejectUnauthorized: false };
    await resumed(server, tls);
    expect(await resumed(server, tls)).toBe(false);
  });

  test("another server on the same port is rejected", async () => {
    const server = await listen({ tls: { ...makeCertificate(), maxVersion: version } });
    const tls = { ca: server.ca };
    await resumed(server, tls);
    await server.close();
    await using other = await listen({
      port: server.port,
      tls: { ...makeCertificate(), maxVersion: version },
    });
    const failure = await failureOf(Pop3Client.connect(to(other, { tls, auth })));
    expect(failure).toMatchObject({ code: "POP3_TLS_CERT" });
  });
});

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s: a resumed session is checked as a new one", (version) => {
  const certificate = { ...makeCertificate(), maxVersion: version };
  const client = makeCertificate({ commonName: "ann" });
  const accept = (): undefined => undefined;

  test.each<[string, (tls: ConnectionOptions) => void]>([
    ["ca is taken away", (tls) => delete tls.ca],
    ["ca is another one", (tls) => (tls.ca = makeCertificate().cert)],
    [
      "ca is changed in place",
      ({ ca }) => (ca as Buffer).fill("\n").set(Buffer.from(makeCertificate().cert)),
    ],
    ["servername is another one", (tls) => (tls.servername = "other.test")],
    ["checkServerIdentity refuses", (tls) => (tls.checkServerIdentity = () => new Error("not ours"))],
    ["minVersion is higher", (tls) => (tls.minVersion = "TLSv1.3")],
  ])("if %s in the same object", async (_, change) => {
    await using server = await listen({ tls: certificate });
    const tls: ConnectionOptions = {
      ca: Buffer.from(server.ca.padEnd(2000, "\n")),
      servername: "localhost",
    };
    await resumed(server, tls);
    expect(await resumed(server, tls)).toBe(true);
    change(tls);
    if (tls.minVersion === "TLSv1.3" && version === "TLSv1.3") {
      expect(await resumed(server, tls)).toBe(false);
      return;
    }
    const failure = await failureOf(Pop3Client.connect(to(server, { tls, auth })));
    expect(failure.code).toMatch(/^POP3_TLS_(?:CERT|HANDSHAKE)$/);
  });

  test.each<[string, ConnectionOptions]>([
    ["ciphers", { ciphers: "DEFAULT:!SHA1" }],
    ["maxVersion", { maxVersion: version }],
    ["secureOptions", { secureOptions: 4 }],
    ["a client certificate", { cert: client.cert, key: client.key }],
    ["an identity check", { checkServerIdentity: accept }],
    ["ecdhCurve", { ecdhCurve: "P-256" }],
    ["ALPNProtocols", { ALPNProtocols: ["pop3"] }],
    ["rejectUnauthorized", { rejectUnauthorized: true }],
    ["a context", { secureContext: tlsModule.createSecureContext({ ca: certificate.cert }) }],
  ])("is not resumed with other %s", async (_, more) => {
    await using server = await listen({ tls: certificate });
    await resumed(server, { ca: server.ca });
    expect(await resumed(server, { ca: server.ca, ...more })).toBe(false);
    expect(await resumed(server, { ca: server.ca, ...more })).toBe(true);
    expect(await resumed(server, { ca: server.ca })).toBe(true);
  });

  test("is not resumed after a default of the process has changed", async () => {
    await using server = await listen({ tls: certificate });
    await resumed(server, { ca: server.ca });
    const { DEFAULT_CIPHERS } = tlsModule;
    tlsModule.DEFAULT_CIPHERS = `${DEFAULT_CIPHERS}:!SHA1`;
    try {
      expect(await resumed(server, { ca: server.ca })).toBe(false);
    } finally {
      tlsModule.DEFAULT_CIPHERS = DEFAULT_CIPHERS;
    }
    expect(await resumed(server, { ca: server.ca })).toBe(true);
  });

  test("asks checkServerIdentity again, with the whole certificate", async () => {
    await using server = await listen({ tls: certificate });
    const asked: [string, PeerCertificate][] = [];
    const checkServerIdentity = (name: string, shown: PeerCertificate): undefined => {
      asked.push([name, shown]);
    };
    const tls = { ca: server.ca, checkServerIdentity };
    expect(await resumed(server, tls)).toBe(false);
    expect(asked).toHaveLength(1);
    expect(await resumed(server, tls)).toBe(true);
    expect(asked.length).toBeGreaterThan(1);
    const [first, again] = asked;
    expect(again?.[0]).toBe(first?.[0]);
    expect(again?.[1].fingerprint256).toBe(first?.[1].fingerprint256);
    expect(again?.[1].raw).toEqual(first?.[1].raw);
  });

  test.each<[string, () => Error]>([
    ["returns an error", () => new Error("\u001b[2Jnot \u{e0041}ours")],
    [
      "throws",
      () => {
        throw new Error("\u001b[2Jnot \u{e0041}ours");
      },
    ],
  ])("is refused with POP3_TLS_CERT if checkServerIdentity now %s", async (_, refuse) => {
    await using server = await listen({ tls: certificate });
    let isWrong = false;
    const tls = { ca: server.ca, checkServerIdentity: () => (isWrong ? refuse() : undefined) };
    await resumed(server, tls);
    expect(await resumed(server, tls)).toBe(true);
    isWrong = true;
    const failure = await failureOf(Pop3Client.connect(to(server, { tls, auth })));
    expect(failure).toMatchObject({ code: "POP3_TLS_CERT" });
    expect(failure.message).toContain("\\x1b[2Jnot \\u{e0041}ours");
    isWrong = false;
    // The session is gone: the certificate has to be shown again.
    expect(await resumed(server, tls)).toBe(false);
  });

  test.each<[string, number, number]>([
    ["after a day", 365 * 24 * HOUR, 24 * HOUR],
    ["after the end of the certificate", 2 * HOUR, 2 * HOUR],
    ["if the clock was set back", 365 * 24 * HOUR, -1],
  ])("is not resumed %s", async (_, life, later) => {
    const own = makeCertificate({ notAfter: new Date(Date.now() + life) });
    await using server = await listen({ tls: { ...own, maxVersion: version } });
    const now = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now });
    const tls = { ca: own.cert };
    await resumed(server, tls);
    expect(await resumed(server, tls)).toBe(true);
    // A session that came with a resumed one does not count longer.
    if (later > 0) {
      vi.setSystemTime(now + later - HOUR);
      expect(await resumed(server, tls)).toBe(true);
    }
    vi.setSystemTime(now + later);
    expect(await resumed(server, tls)).toBe(false);
  });

  test("is not resumed if the session came from the caller", async () => {
    await using server = await listen({ tls: certificate });
    const tls = { ca: server.ca, session: Buffer.from("not a session") };
    await resumed(server, tls);
    expect(await resumed(server, tls)).toBe(false);
  });
});

test("options of equal values share one context, and a changed one gets its own", async () => {
  await using server = await listen({ tls: { ...makeCertificate() } });
  const made = vi.spyOn(tlsModule, "createSecureContext");
  const options = (): ConnectionOptions => ({ ca: [Buffer.from(server.ca)], minVersion: "TLSv1.2" });
  for (let connection = 0; connection < 3; connection++) await resumed(server, options());
  const ours = (): number => made.mock.calls.filter(([given]) => given?.minVersion === "TLSv1.2").length;
  expect(ours()).toBe(1);
  await resumed(server, { ...options(), ciphers: "DEFAULT" });
  expect(ours()).toBe(2);
});

test("an undefined option does not replace a default", async () => {
  await using server = await listen({ tls: { ...makeCertificate() } });
  const names = ["checkServerIdentity", "ciphers", "minDHSize", "rejectUnauthorized", "session"];
  const unset = Object.fromEntries(names.map((name) => [name, undefined]));
  await using client = await Pop3Client.connect(to(server, { tls: { ca: server.ca, ...unset }, auth }));
  expect(client.tlsInfo?.authorized).toBe(true);
});
