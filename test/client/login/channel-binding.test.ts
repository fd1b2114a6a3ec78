// SCRAM bound to its TLS connection: with each type, in each version, also in a resumed session.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import * as tls from "node:tls";
import { describe, expect, test, vi } from "vitest";
import {
  Pop3Client,
  type ChannelBinding,
  type ChannelBindingType,
  type Pop3Auth,
  type Pop3ClientOptions,
} from "../../../src/index.ts";
import { makeCertificate, Pop3Server, type Pop3ServerOptions } from "../../../src/testing/index.ts";
import { auth, offering, said, to, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";

const TYPES = ["tls-exporter", "tls-unique", "tls-server-end-point"] as const;
const DIGESTS = ["1", "256", "512"];
const SASL = DIGESTS.flatMap((digest) => [`SCRAM-SHA-${digest}-PLUS`, `SCRAM-SHA-${digest}`]);

const listen = (options: Pop3ServerOptions = {}): Promise<Pop3Server> =>
  Pop3Server.listen({
    users: { ann: { pass: "secret" } },
    sasl: [...SASL, "PLAIN"],
    tls: true,
    lock: false,
    ...options,
  });

const authLines = (server: Pop3Server): string[] => said(server).filter((line) => line.startsWith("C: AUTH"));

/** Logs in, and says by what; or what the code of the error is. */
async function login(
  server: Pop3Server,
  given: Partial<Pop3Auth> = {},
  more: Partial<Pop3ClientOptions> = {},
): Promise<string> {
  const client = new Pop3Client(to(server, { auth: { ...auth, ...given }, ...more }));
  const code = await codeOf(client.connect());
  client.close();
  return code === "resolved" ? (authLines(server).at(-1) as string) : code;
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (maxVersion) => {
  const [first, second, third] = TYPES;
  // Not with both versions is there each of them.
  const types: ChannelBindingType[] = maxVersion === "TLSv1.3" ? [first, third] : [first, second, third];

  describe.each(["from the first octet", "by STLS"])("%s", (how) => {
    const own = { ...makeCertificate(), maxVersion };
    const options: Pop3ServerOptions = how === "by STLS" ? { tls: false, stls: own } : { tls: own };

    test.each(types)("binds with %s and each digest", async (type) => {
      await using server = await listen({ ...options, scram: { channelBindings: [type] } });
      for (const digest of DIGESTS) {
        const mechanism = `SCRAM-SHA-${digest}-PLUS`;
        const given = { mechanism, bindingTypes: [type] };
        expect(await login(server, given)).toBe(`C: AUTH ${mechanism} ****`);
        expect(await login(server, { ...given, pass: "wrong" })).toBe("POP3_AUTH_REJECTED");
      }
      expect(authLines(server)).toHaveLength(2 * DIGESTS.length);
    });

    // A resumed session has no certificate to bind to.
    test.each(types.filter((type) => type !== third))("binds with %s in a resumed session", async (type) => {
      await using server = await listen({ ...options, scram: { channelBindings: [type] } });
      const given: Pop3ClientOptions = to(server, {
        auth: { ...auth, bindingTypes: [type], channelBinding: "required" },
      });
      for (const resumed of [false, true, true]) {
        const client = await Pop3Client.connect(given);
        expect(client.tlsInfo).toMatchObject({ resumed, protocol: maxVersion });
        await client.quit();
      }
      expect(authLines(server)).toEqual(Array<string>(3).fill("C: AUTH SCRAM-SHA-512-PLUS ****"));
    });

    test("by default tries the types until the server accepts one", async () => {
      // With TLS 1.3 the server has no tls-unique, so the exporter comes first.
      const tries = maxVersion === "TLSv1.3" ? { [first]: 1, [third]: 3 } : { [second]: 1, [third]: 2 };
      for (const [type, count] of Object.entries(tries)) {
        await using server = await listen({ ...options, scram: { channelBindings: [type] } });
        expect(await login(server, { channelBinding: "required" })).toBe("C: AUTH SCRAM-SHA-512-PLUS ****");
        expect(authLines(server)).toHaveLength(count);
        // Without a challenge nothing was said of the user: one proof, and one answer to the server's.
        expect(said(server).filter((line) => line === "C: ****")).toHaveLength(2);
      }
    });
  });
});

describe("a type that the server does not accept reveals nothing", () => {
  test("sends one line for each type, in the caller's order", async () => {
    await using server = await listen({ scram: { channelBindings: ["tls-exporter"] } });
    const bindingTypes = ["tls-server-end-point", "tls-unique", "tls-exporter"] as const;
    expect(await login(server, { bindingTypes })).toBe("C: AUTH SCRAM-SHA-512-PLUS ****");
    const session = said(server);
    expect(authLines(server)).toHaveLength(3);
    // After each of the first two there is no response, as there was no challenge.
    expect(session.filter((line) => line === "C: ****")).toHaveLength(2);
  });

  test("sends no more with a separate first message", async () => {
    await using server = await listen({ scram: { channelBindings: ["tls-exporter"] } });
    const bindingTypes = ["tls-server-end-point", "tls-unique", "tls-exporter"] as const;
    const given = { bindingTypes, initialResponse: false };
    expect(await login(server, given)).toBe("C: AUTH SCRAM-SHA-512-PLUS");
    expect(authLines(server)).toHaveLength(3);
    // A first message each, and one proof, and one answer to that of the server.
    expect(said(server).filter((line) => line === "C: ****")).toHaveLength(5);
  });

  test("if no type is accepted, rejects and sends the password with no other mechanism", async () => {
    await using server = await listen({ scram: { channelBindings: ["tls-exporter"] } });
    const bindingTypes = ["tls-server-end-point"] as const;
    for (const channelBinding of ["if-offered", "required"] as const) {
      expect(await login(server, { bindingTypes, channelBinding })).toBe("POP3_AUTH_REJECTED");
    }
    expect(authLines(server)).toHaveLength(2);
    expect(said(server)).not.toContain("C: ****");
  });

  test("does not repeat a wrong password with another type", async () => {
    await using server = await listen();
    expect(await login(server, { pass: "wrong" })).toBe("POP3_AUTH_REJECTED");
    expect(authLines(server)).toHaveLength(1);
  });

  test("does not retry a refusal after the server's first message", async () => {
    await using server = await listen();
    server.fault({ on: "AUTH-RESPONSE", reply: "-ERR [AUTH] channel-bindings-dont-match\r\n" });
    expect(await login(server)).toBe("POP3_AUTH_REJECTED");
    expect(authLines(server)).toHaveLength(1);
  });
});

test("exports the keying material once for each login", async () => {
  await using server = await listen({ scram: { channelBindings: ["tls-exporter"] } });
  const spy = vi.spyOn(tls.TLSSocket.prototype, "exportKeyingMaterial");
  const client = await Pop3Client.connect(to(server, { auth: { ...auth, channelBinding: "required" } }));
  // The server is in this process, too.
  const ports = spy.mock.contexts.map((socket) => (socket as tls.TLSSocket).remotePort);
  spy.mockRestore();
  client.close();
  expect(ports.filter((port) => port === server.port)).toHaveLength(1);
});

describe("channelBinding", () => {
  test.each<[ChannelBinding, string[], string]>([
    ["if-offered", [...SASL, "PLAIN"], "C: AUTH SCRAM-SHA-512-PLUS ****"],
    ["if-offered", ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-512"], "C: AUTH SCRAM-SHA-1-PLUS ****"],
    ["if-offered", ["SCRAM-SHA-256", "PLAIN"], "C: AUTH SCRAM-SHA-256 ****"],
    ["if-offered", ["PLAIN"], "C: AUTH PLAIN ****"],
    ["required", [...SASL, "PLAIN"], "C: AUTH SCRAM-SHA-512-PLUS ****"],
    ["required", ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-512"], "C: AUTH SCRAM-SHA-256-PLUS ****"],
    ["required", ["SCRAM-SHA-256", "PLAIN"], "POP3_AUTH_NO_MECHANISM"],
    ["required", ["PLAIN", "LOGIN"], "POP3_AUTH_NO_MECHANISM"],
    ["never", [...SASL, "PLAIN"], "C: AUTH SCRAM-SHA-512 ****"],
    ["never", ["SCRAM-SHA-256-PLUS", "PLAIN"], "C: AUTH PLAIN ****"],
    ["never", ["SCRAM-SHA-256-PLUS"], "POP3_AUTH_NO_MECHANISM"],
  ])("%s, and the server offers %j: %s", async (channelBinding, sasl, outcome) => {
    await using server = await listen({ sasl, user: false, apop: false });
    expect(await login(server, { channelBinding })).toBe(outcome);
    if (outcome.startsWith("POP3_")) expect(authLines(server)).toEqual([]);
  });

  test("required rejects a requested mechanism that is not bound", async () => {
    await using server = await listen();
    for (const mechanism of ["SCRAM-SHA-256", "PLAIN", "USER", "APOP"]) {
      expect(await login(server, { channelBinding: "required", mechanism })).toBe("POP3_AUTH_NO_MECHANISM");
    }
    expect(authLines(server)).toEqual([]);
  });

  test("required rejects if bindingTypes is empty", async () => {
    await using server = await listen();
    const given = { channelBinding: "required", bindingTypes: [] } as const;
    expect(await login(server, given)).toMatch(/^POP3_(?:NOT_SUPPORTED|AUTH_NO_MECHANISM)$/);
    expect(authLines(server)).toEqual([]);
  });

  test("required rejects without TLS", async () => {
    await using server = await ScriptedServer.listen(offering("USER", `SASL ${SASL.join(" ")}`));
    const given: Pop3Auth = { ...auth, channelBinding: "required" };
    expect(await codeOf(Pop3Client.connect(toScript(server, { auth: given })))).toBe(
      "POP3_AUTH_NO_MECHANISM",
    );
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });

  test("a requested -PLUS rejects without TLS", async () => {
    await using server = await ScriptedServer.listen(offering("USER", `SASL ${SASL.join(" ")}`));
    const given: Pop3Auth = { ...auth, mechanism: "SCRAM-SHA-256-PLUS" };
    expect(await codeOf(Pop3Client.connect(toScript(server, { auth: given })))).toMatch(
      /^POP3_(?:NOT_SUPPORTED|AUTH_NO_MECHANISM)$/,
    );
    await server.played();
    expect(server.lines).toEqual(["CAPA"]);
  });
});

describe("-PLUS removed from the list by an attacker", () => {
  /** The server has -PLUS, but an attacker has removed it from CAPA. */
  const cut: Pop3ServerOptions = {
    capabilities: ({ standard }) => standard.map((line) => line.replace(/ SCRAM-SHA-\d+-PLUS/g, "")),
  };

  test("is noticed by the server, because the client says that it could have bound", async () => {
    await using server = await listen(cut);
    expect(await login(server)).toBe("POP3_AUTH_REJECTED");
    expect(server.transcript.toString()).toContain("server-does-support-channel-binding");
    expect(authLines(server)).toEqual(["C: AUTH SCRAM-SHA-512 ****"]);
  });

  test("is not mentioned if the caller switched bindings off", async () => {
    await using server = await listen(cut);
    expect(await login(server, { channelBinding: "never" })).toBe("C: AUTH SCRAM-SHA-512 ****");
  });

  test("is used anyway with force", async () => {
    await using server = await listen(cut);
    const given = { mechanism: "SCRAM-SHA-256-PLUS", force: true };
    expect(await login(server, given)).toBe("C: AUTH SCRAM-SHA-256-PLUS ****");
  });
});

describe("an attacker between two TLS connections, with a trusted certificate,", () => {
  const between = makeCertificate();

  /** Takes connections of its own, and hands on what comes in each to a connection with the server. */
  async function relay(server: Pop3Server): Promise<tls.Server> {
    const listener = tls.createServer({ ...between }, (client) => {
      const onward = tls.connect({ host: server.host, port: server.port, ca: server.ca });
      for (const end of [client, onward]) end.on("error", () => undefined);
      client.pipe(onward).pipe(client);
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    return listener;
  }

  test.each(TYPES)("cannot forward the login: %s", async (type) => {
    await using server = await listen({ tls: { ...makeCertificate(), maxVersion: "TLSv1.2" } });
    const listener = await relay(server);
    const { port } = listener.address() as AddressInfo;
    const given = to(server, { port, tls: { ca: between.cert, maxVersion: "TLSv1.2" } });
    expect(await codeOf(Pop3Client.connect({ ...given, auth: { ...auth, bindingTypes: [type] } }))).toBe(
      "POP3_AUTH_REJECTED",
    );
    expect(server.transcript.toString()).toContain("channel-bindings-dont-match");
    // Without the binding, neither side notices.
    const unbound = await Pop3Client.connect({ ...given, auth: { ...auth, channelBinding: "never" } });
    expect(unbound.state).toBe("transaction");
    unbound.close();
    listener.close();
  });
});
