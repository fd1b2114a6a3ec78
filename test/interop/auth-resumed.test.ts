// A server that asks for certificates may fail when a TLS session is resumed. The client then continues
// without resumption.
import { describe, expect, it } from "vitest";
import { Pop3Client } from "../../src/index.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { reach } from "../servers/transport.ts";

describe.each(["STLS", "TLS port"] as const)("Dovecot with ssl_verify_client_cert, %s", (transport) => {
  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "%s: one login after the other, and several at once",
    async (version) => {
      await using server = await Dovecot.start({
        users: { ann: "secret" },
        clientCertificates: true,
        lockSession: false,
      });
      const options = reach(server, transport);
      const tls = { ...options.tls, minVersion: version, maxVersion: version };
      const logIn = async (): Promise<void> => {
        await using client = await Pop3Client.connect({
          ...options,
          tls,
          auth: { user: "ann", pass: "secret" },
        });
        expect(client.tlsInfo?.resumed).toBe(false);
        expect(await client.stat()).toEqual({ count: 0, size: 0 });
        await client.quit();
      };
      await logIn();
      await Promise.all([logIn(), logIn(), logIn()]);
      for (let times = 0; times < 3; times++) await logIn();
      // It is tried once, and by those who were on their way at the same time.
      const failed = (await server.log())
        .split("\n")
        .filter((line) => line.includes("session id context uninitialized"));
      expect(failed.length).toBeGreaterThan(0);
      expect(failed.length).toBeLessThan(4);
    },
  );
});
