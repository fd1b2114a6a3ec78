// A TLS session is resumed only with the server that it was verified with.
import type { ConnectionOptions } from "node:tls";
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { makeCertificate, type Pop3Server } from "../../../src/testing/index.ts";
import { auth, listen, to } from "../../support/ann.ts";
import { failureOf } from "../../support/outcome.ts";

/** A whole session; whether its TLS was taken up from an earlier one. */
async function resumed(server: Pop3Server, tls: ConnectionOptions): Promise<boolean | undefined> {
  const client = await Pop3Client.connect(to(server, { tls, auth }));
  await client.uidl();
  const { tlsInfo } = client;
  await client.quit();
  return tlsInfo?.resumed;
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (version) => {
  test.each(["from the first octet", "by STLS"])(
    "is resumed %s: with the same options object",
    async (how) => {
      const certificate = { ...makeCertificate(), maxVersion: version };
      await using server = await listen(how === "by STLS" ? { stls: certificate } : { tls: certificate });
      const tls = { ca: server.ca };
      expect(await resumed(server, tls)).toBe(false);
      expect(await resumed(server, tls)).toBe(true);
      expect(await resumed(server, tls)).toBe(true);
      // What stands in another object may be trusted for other reasons.
      expect(await resumed(server, { ca: server.ca })).toBe(false);
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
