// SCRAM bound to its TLS connection, against Cyrus. Cyrus supports one binding type, reports that late, and
// accepts it on TLS 1.3 as well.
import type { ConnectionOptions } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  Pop3Client,
  type ChannelBindingType,
  type Pop3Auth,
  type Pop3ClientOptions,
} from "../../src/index.ts";
import { Cyrus } from "../servers/cyrus.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { pass, user } from "./auth-proofs.ts";
import { reach } from "../servers/transport.ts";
import { ownTls } from "../support/own-tls.ts";
import { Wire } from "./wire.ts";

const users = { [user]: pass };
const auth: Pop3Auth = { user, pass };
const hashes = ["SHA-1", "SHA-256", "SHA-512"] as const;

const ways = (["STLS", "TLS port"] as const).flatMap((transport) =>
  (["TLSv1.2", "TLSv1.3"] as const).map((version) => ({ transport, version })),
);
type Way = (typeof ways)[number];

/** The default order tries `tls-unique` first, or with TLS 1.3 second, after `tls-exporter`. */
const tries: Readonly<Record<Way["version"], number>> = { "TLSv1.2": 1, "TLSv1.3": 2 };

let cyrus: Cyrus;

beforeAll(async () => {
  cyrus = await Cyrus.start({ users, tlsSessionTimeout: 10 });
});

afterAll(async () => {
  await cyrus.stop();
});

/** Only a second connection with the same `tls` resumes the TLS session. */
function over({ transport, version }: Way): Pop3ClientOptions & { tls: ConnectionOptions } {
  const options = reach(cyrus, transport);
  return { ...options, tls: ownTls({ ...options.tls, minVersion: version, maxVersion: version }) };
}

/** Logs in, and gives the AUTH commands that it took. */
async function logIn(options: Pop3ClientOptions, resumed: boolean): Promise<string[]> {
  using wire = new Wire();
  await using client = await Pop3Client.connect(options);
  expect(client.tlsInfo?.resumed).toBe(resumed);
  expect(await client.stat()).toEqual({ count: 0, size: 0 });
  await client.quit();
  return wire.take().filter((command) => command.startsWith("AUTH"));
}

describe.each(ways)("$transport, $version", (way) => {
  it.each(hashes)("SCRAM-%s-PLUS, in the default order of bindings", async (hash) => {
    const mechanism = `SCRAM-${hash}-PLUS`;
    const options = { ...over(way), auth: { ...auth, mechanism } };
    const commands = await logIn(options, false);
    expect(commands).toEqual(Array.from({ length: tries[way.version] }, () => `AUTH ${mechanism} ****`));
  });

  it.each(hashes)(
    "SCRAM-%s-PLUS with tls-unique at once, and again in the same TLS session",
    async (hash) => {
      const mechanism = `SCRAM-${hash}-PLUS`;
      const options = { ...over(way), auth: { ...auth, mechanism, bindingTypes: ["tls-unique"] as const } };
      for (const resumed of [false, true, true])
        expect(await logIn(options, resumed)).toEqual([`AUTH ${mechanism} ****`]);
    },
  );

  it("the client's own choice, and again in the same TLS session", async () => {
    const options = { ...over(way), auth };
    const commands = Array.from({ length: tries[way.version] }, () => "AUTH SCRAM-SHA-512-PLUS ****");
    for (const resumed of [false, true]) expect(await logIn(options, resumed)).toEqual(commands);
  });

  it("required: no other mechanism is used", async () => {
    const bound = { ...over(way), auth: { ...auth, channelBinding: "required" } } as const;
    expect((await logIn(bound, false)).at(-1)).toBe("AUTH SCRAM-SHA-512-PLUS ****");
    const unbound = {
      ...over(way),
      auth: { ...auth, mechanism: "PLAIN", channelBinding: "required" },
    } as const;
    await expect(Pop3Client.connect(unbound)).rejects.toMatchObject({ code: "POP3_AUTH_NO_MECHANISM" });
  });

  it("never: SCRAM without it, which the server does not mistake for a shortened list", async () => {
    const options = { ...over(way), auth: { ...auth, channelBinding: "never" } } as const;
    expect(await logIn(options, false)).toEqual(["AUTH SCRAM-SHA-512 ****"]);
  });

  it.each<ChannelBindingType>(["tls-exporter", "tls-server-end-point"])(
    "%s alone is refused",
    async (bindingType) => {
      const options = { ...over(way), auth: { ...auth, bindingTypes: [bindingType] } };
      await expect(Pop3Client.connect(options)).rejects.toMatchObject({
        code: "POP3_AUTH_REJECTED",
        responseCode: "AUTH",
      });
    },
  );

  it("a wrong password is final, even if other binding types are left", async () => {
    using wire = new Wire();
    const options = { ...over(way), auth: { user, pass: "wrong horse" } };
    await expect(Pop3Client.connect(options)).rejects.toMatchObject({ code: "POP3_AUTH_REJECTED" });
    const commands = wire.take().filter((command) => command.startsWith("AUTH"));
    expect(commands).toHaveLength(tries[way.version]);
  });
});

describe("a server without channel binding", () => {
  it.each(["STLS", "TLS port"] as const)("%s: nothing is sent if it is required", async (transport) => {
    await using server = await Dovecot.start({ users });
    using wire = new Wire();
    const options = { ...reach(server, transport), auth: { ...auth, channelBinding: "required" } } as const;
    await expect(Pop3Client.connect(options)).rejects.toMatchObject({ code: "POP3_AUTH_NO_MECHANISM" });
    expect(wire.take().filter((command) => !/^(?:CAPA|STLS)$/.test(command))).toEqual([]);
  });

  // The client says that it could have been bound ("y"), and the server has to see no fault in that.
  it("SCRAM continues without it", async () => {
    await using server = await Dovecot.start({ users });
    await using client = await Pop3Client.connect({
      ...reach(server, "TLS port"),
      auth: { ...auth, mechanisms: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"] },
    });
    expect(await client.stat()).toEqual({ count: 0, size: 0 });
    await client.quit();
  });
});
