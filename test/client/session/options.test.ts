// Every form of the options, and invalid ones.
import { describe, expect, test } from "vitest";
import { parseUrl, Pop3Client, type SocketSource } from "../../../src/index.ts";
import { Pop3Server } from "../../../src/testing/index.ts";
import { listen, said } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";

describe("options as a URL", () => {
  test("has user and password", async () => {
    await using server = await Pop3Server.listen({ users: { "ann@test": { pass: "se:cret/%" } } });
    const url = `${server.url.replace("//", "//ann%40test:se%3Acret%2F%25@")}?stls=never`;
    await using client = await Pop3Client.connect(url);
    expect(client.state).toBe("transaction");
  });

  test("can be a URL object without a user", async () => {
    await using server = await listen();
    await using client = await Pop3Client.connect(new URL(`${server.url}?stls=never`));
    expect(client.state).toBe("authorization");
    expect(client.secure).toBe(false);
  });

  test("pop3: requires STLS", async () => {
    await using server = await listen();
    // The system does not trust the certificate. That it got this far shows that the URL led to STLS.
    await expect(Pop3Client.connect(server.url)).rejects.toMatchObject({ code: "POP3_TLS_CERT" });
    await server.idle();
    expect(said(server)).toEqual(["C: CAPA", "C: STLS", "* TLS"]);
  });

  test("pop3s: uses TLS from the first octet", async () => {
    await using server = await listen({ tls: true });
    await using client = await Pop3Client.connect({
      ...parseUrl(server.url.replace("//", "//ann:secret@")),
      tls: { ca: server.ca },
    });
    expect(client.secure).toBe(true);
    expect(client.state).toBe("transaction");
  });

  test("of RFC 2384 with ;AUTH=+APOP uses APOP", async () => {
    await using server = await listen();
    const url = `${server.url.replace("pop3://", "pop://ann;AUTH=+APOP:secret@")}?stls=never`;
    await using client = await Pop3Client.connect(url);
    expect(client.state).toBe("transaction");
    expect(said(server)).toContain("C: APOP ann ****");
  });

  test.each([
    ["pop3s://ann:secret@mail.test", { secure: true, port: 995 }],
    ["pop3://mail.test", { secure: false, port: 110 }],
    ["pops://mail.test:1995", { secure: true, port: 1995 }],
    ["pop3://[::1]:1110", { secure: false, port: 1110, host: "::1" }],
    ["pop3s://mail.test/", { secure: true, port: 995 }],
  ])("accepts %s", async (url, { port, host = "mail.test" }: { port: number; host?: string }) => {
    const targets: unknown[] = [];
    const socket: SocketSource = (target) => {
      targets.push([target.host, target.port]);
      throw new Error("no way there");
    };
    await codeOf(Pop3Client.connect({ ...parseUrl(url), socket }));
    expect(targets).toEqual([[host, port]]);
  });

  test.each([
    "text that is not a URL",
    "http://mail.test",
    "pop3://ann:sec%ret@mail.test",
    "pop3://ann@mail.test",
    "pop3://mail.test/inbox",
    "pop3://mail.test?tls=no",
    "pop3://mail.test?stls=maybe",
    "pop3s://mail.test?stls=required",
    "pop3s://ann:s3cr3t@mail test",
  ])("rejects %s without repeating it", async (url) => {
    let error: unknown;
    try {
      new Pop3Client(url);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: "POP3_CONFIG" });
    expect(String(error)).not.toMatch(/mail.test/);
    expect(String(error)).not.toContain("s3cr3t");
    expect((error as Error).cause).toBeUndefined();
    await expect(async () => Pop3Client.connect(url)).rejects.toMatchObject({ code: "POP3_CONFIG" });
  });
});

describe("rejects invalid options", () => {
  const wrong: [string, Record<string, unknown>][] = [
    ["no host", { host: "" }],
    ["an invalid host", { host: "mail.test\r\nQUIT" }],
    ["an invalid port", { port: 70_000 }],
    ["a port that is not an integer", { port: 1.5 }],
    ["TLS from the first octet and STLS", { secure: true, stls: "required" }],
    ["TLS from the first octet and STLS by default", { stls: "if-offered" }],
    ["an unknown value of stls", { secure: false, stls: "perhaps" }],
    ["no user", { auth: { user: "", pass: "x" } }],
    ["no password", { auth: { user: "ann" } }],
    ["an empty password", { auth: { user: "ann", pass: "" } }],
    ["an unknown timeout", { timeouts: { read: 5 } }],
    ["a timeout that is not a number", { timeouts: { command: Number.NaN } }],
    ["a limit below 0", { limits: { line: -1 } }],
    ["an invalid window", { pipelining: { commands: 5 } }],
  ];
  test.each(wrong)("%s", (_, options) => {
    expect(() => new Pop3Client({ host: "mail.test", ...options })).toThrow(
      expect.objectContaining({ code: "POP3_CONFIG" }),
    );
  });
});
