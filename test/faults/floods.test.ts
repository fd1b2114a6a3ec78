// Of endless data from a server a limited part is read, and the error names the limit.
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Pop3Client } from "popwright";
import { capaAnswer, maildropScript, uidOf } from "../support/maildrop-script.ts";
import { ScriptedServer, SECRET } from "../support/scripted-server.ts";
import { MIB } from "../support/large-message.ts";
import { endless, endlessListing, expectBounded, flooded } from "../support/flooding.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";

guardEachTest();

describe("a line without an end", () => {
  const A = "A".repeat(1000);

  it("as the greeting ends the session, and no secret is sent", async () => {
    const result = await flooded({ greeting: endless("+OK ", A) });
    expect(result.code).toBe("POP3_LINE_TOO_LONG");
    expectBounded(result, 8192);
    expect(result.sent).toEqual([]);
  });

  it.each([
    ["STAT", "+OK ", (client: Pop3Client) => client.stat()],
    ["RETR", "+OK ", (client: Pop3Client) => client.retr(1)],
    ["RETR", "-ERR ", (client: Pop3Client) => client.retr(1)],
    ["DELE", "", (client: Pop3Client) => client.dele([1, 2, 3])],
    ["QUIT", "+OK ", (client: Pop3Client) => client.dele(1).then(() => client.quit())],
  ] as const)("as the reply to %s, from '%s' on, ends the session", async (verb, head, call) => {
    const result = await flooded({ [verb]: endless(head, A) }, call);
    expect(result.code).toBe(verb === "QUIT" ? "POP3_COMMIT_UNKNOWN" : "POP3_LINE_TOO_LONG");
    expectBounded(result, 8192);
  });

  it.each([
    ["LIST", (client: Pop3Client) => client.list()],
    ["UIDL", (client: Pop3Client) => client.uidl()],
  ] as const)("in the listing of %s ends the session", async (verb, call) => {
    const result = await flooded({ [verb]: endless("+OK\r\n1 ", A) }, call);
    expect(result.code).toBe("POP3_LINE_TOO_LONG");
    expectBounded(result, 8192);
  });

  it("is rejected only one octet beyond the limit", async () => {
    const line = `+OK ${"x".repeat(94)}\r\n`;
    const limits = { line: 100 };
    expect((await flooded({ NOOP: line }, (client) => client.noop(), { limits })).code).toBe("ok");
    expect(
      (await flooded({ NOOP: `+OK x${line.slice(4)}` }, (client) => client.noop(), { limits })).code,
    ).toBe("POP3_LINE_TOO_LONG");
  });
});

describe("CAPA", () => {
  it("without an end is rejected", async () => {
    const result = await flooded({ CAPA: endless("+OK\r\n", "X-CAPABILITY of some kind\r\n") });
    expect(result.code).toBe("POP3_RESPONSE_TOO_LARGE");
    expectBounded(result, 64 * 1024);
    expect(result.sent).toEqual(["CAPA"]);
  });

  it("with a line without an end is rejected", async () => {
    const result = await flooded({ CAPA: endless("+OK\r\nSASL", " PLAIN LOGIN X-MECHANISM") });
    expect(result.code).toBe("POP3_RESPONSE_TOO_LARGE");
    expectBounded(result, 64 * 1024);
  });

  it("with more than 256 capabilities is rejected", async () => {
    const many = Array.from({ length: 257 }, (_, index) => `X-${index}`);
    expect((await flooded({ CAPA: capaAnswer(...many) })).code).toBe("POP3_RESPONSE_TOO_LARGE");
    expect((await flooded({ CAPA: capaAnswer("SASL PLAIN", ...many.slice(2)) })).code).toBe("ok");
  });
});

describe("a listing", () => {
  it.each([
    ["LIST", () => "120", (client: Pop3Client) => client.list()],
    ["UIDL", uidOf, (client: Pop3Client) => client.uidl()],
  ] as const)("of %s with more entries than the limit is rejected", async (verb, value, call) => {
    const answers = { [verb]: endlessListing(value) };
    const result = await flooded(answers, call, { limits: { listEntries: 1000 } });
    expect(result.code).toBe("POP3_LIST_TOO_LARGE");
    expectBounded(result, 1000 * 20);
  });

  it("with many more entries than STAT counted is rejected", async () => {
    const result = await flooded({ UIDL: endlessListing(uidOf) }, async (client) => {
      await client.stat();
      await client.uidl();
    });
    expect(result.code).toBe("POP3_LIST_TOO_LARGE");
    expectBounded(result, 1000);
  });

  it("with more octets than the limit is rejected", async () => {
    const answers = { LIST: endlessListing(() => `120 ${"text".repeat(100)}`) };
    const result = await flooded(answers, (client) => client.list(), { limits: { listOctets: MIB } });
    expect(result.code).toBe("POP3_LIST_TOO_LARGE");
    expectBounded(result, MIB);
  });

  it("that repeats one line without end is rejected", async () => {
    const answers = { UIDL: endless("+OK\r\n", "1 uid-1\r\n") };
    const result = await flooded(answers, (client) => client.uidl(), { limits: { listOctets: MIB } });
    expect(result.code).toBe("POP3_LIST_TOO_LARGE");
    expectBounded(result, MIB);
  });

  it("in a loop without an end is rejected", async () => {
    const answers = { LIST: endlessListing(() => "100") };
    const result = await flooded(answers, (client) => client.retrieve().next(), {
      limits: { listEntries: 1000 },
    });
    expect(result.code).toBe("POP3_LIST_TOO_LARGE");
    expectBounded(result, 1000 * 20);
  });

  it("with a unique-id of 100,000 octets is rejected", async () => {
    const answers = { UIDL: `+OK\r\n1 ${"u".repeat(100_000)}\r\n.\r\n` };
    const result = await flooded(answers, (client) => client.uidl());
    expect(result.code).toBe("POP3_LINE_TOO_LONG");
    expectBounded(result, 8192);
  });

  it("with a unique-id of 513 octets fails the call, and the session continues", async () => {
    const answers = { UIDL: `+OK\r\n1 ${"u".repeat(513)}\r\n.\r\n`, "UIDL 2": "+OK 2 two\r\n" };
    const result = await flooded(answers, async (client) => {
      // It is the only one.
      expect(await outcome(client.uidl())).toBe("POP3_BAD_LISTING");
      expect(await client.uidl(2)).toBe("two");
    });
    expect(result.code).toBe("ok");
  });
});

describe("AUTH", () => {
  it("with challenges without end is cancelled, and the server must end the exchange", async () => {
    const auth = { user: "ann", pass: SECRET, mechanism: "LOGIN" };
    await using server = await ScriptedServer.listen(async (peer) => {
      await peer.send("+OK ready\r\n");
      await peer.line();
      await peer.send(capaAnswer("SASL LOGIN"));
      for (let line = await peer.line(); line !== undefined; line = await peer.line()) {
        await peer.send("+ eA==\r\n");
        await turn();
      }
    });
    const code = await outcome(Pop3Client.connect(server.options({ auth, limits: { challenges: 4 } })));
    expect(["POP3_AUTH_PROTOCOL", "POP3_PROTOCOL"]).toContain(code);
    expect(server.peers[0]?.commands.length).toBeLessThan(8);
    await server.peers[0]?.gone;
  });

  it("with a challenge larger than its limit is cancelled", async () => {
    const auth = { user: "ann", pass: SECRET, mechanism: "LOGIN" };
    const challenge = Buffer.alloc(200).toString("base64");
    const result = await flooded({ AUTH: `+ ${challenge}\r\n`, "*": "-ERR cancelled\r\n" }, undefined, {
      auth,
      limits: { challenge: 100 },
    });
    expect(result.code).toBe("POP3_CHALLENGE_TOO_LARGE");
    expect(result.sent).toEqual(["CAPA", "AUTH LOGIN", "*"]);
  });
});

it("the words of a server are cut and escaped when they are printed", async () => {
  const text = `\x1b[31m${"A".repeat(4000)}\u202e`;
  await using server = await ScriptedServer.listen(maildropScript({ DELE: `-ERR ${text}\r\n` }));
  const client = await Pop3Client.connect(server.options());
  const error = (await client.dele(1).catch((thrown: unknown) => thrown)) as Error;
  expect(error.message.length).toBeLessThan(700);
  expect(error.message).not.toContain("\x1b");
  client.close();
});
