// A login that is aborted at each of its steps: nothing more is sent, and the session ends.
import { describe, expect, test } from "vitest";
import { Pop3Client, type SaslMechanism } from "../../../src/index.ts";
import { auth, listen, offering, offeringApop, said, to, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

/** A promise, and what resolves it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Where it is, the steps of the script up to there, and the line that the client has written then. */
const MOMENTS: [string, string, string, Step[], RegExp][] = [
  ["PASS", "USER", "USER", ["C: USER ann", "S: +OK", "C: PASS secret"], /PASS secret\r\n/],
  ["APOP", "APOP", "USER", [/^APOP/], /APOP .*\r\n/],
  ["AUTH with a response", "PLAIN", "SASL PLAIN", [/^AUTH PLAIN ./], /AUTH PLAIN .*\r\n/],
  ["AUTH without a response", "LOGIN", "SASL LOGIN", ["C: AUTH LOGIN"], /AUTH LOGIN\r\n/],
  ["a response", "LOGIN", "SASL LOGIN", ["C: AUTH LOGIN", "S: + ", "C: YW5u"], /YW5u\r\n/],
  ["`*`", "CRAM-MD5", "SASL CRAM-MD5", ["C: AUTH CRAM-MD5", "S: + ?", "C: *"], /\*\r\n/],
];

describe.each(MOMENTS)("aborted after %s", (_, mechanism, offered, steps, written) => {
  test.each([
    ["the signal", "POP3_ABORTED"],
    ["close()", "POP3_CLOSED"],
  ])("ends the session by %s", async (how, code) => {
    await using server = await ScriptedServer.listen([...offeringApop(offered), ...steps]);
    const client = await Pop3Client.connect(toScript(server));
    const controller = new AbortController();
    const call = codeOf(client.authenticate({ ...auth, mechanism }, { signal: controller.signal }));
    await server.wrote(written);
    const { clear } = server;
    if (how === "close()") client.close();
    else controller.abort();
    expect(await call).toBe(code);
    // Nobody knows what the answer would have been: the session cannot go on.
    expect(client.state).toBe("closed");
    await server.played();
    expect(server.clear).toBe(clear);
  });
});

test("continues the session if aborted after USER, and does not send the password", async () => {
  await using server = await ScriptedServer.listen([
    ...[...offering("USER"), "C: USER ann", "* wait", "S: +OK", "C: USER ann", "S: +OK", "C: PASS secret"],
    ...["S: +OK", "C: CAPA", "S: -ERR"],
  ]);
  const client = await Pop3Client.connect(toScript(server));
  const controller = new AbortController();
  const call = codeOf(client.authenticate(auth, { signal: controller.signal }));
  await server.wrote(/USER ann\r\n/);
  controller.abort();
  expect(await call).toBe("POP3_ABORTED");
  expect(client.state).toBe("authorization");
  server.goOn();
  await client.authenticate(auth);
  expect(client.state).toBe("transaction");
  client.close();
  await server.played();
});

/** Thinks until it is let go on. */
function thinking(at: "start" | "respond", begun: () => void, goOn: Promise<void>): SaslMechanism {
  const think = async <T>(result: T): Promise<T> => {
    begun();
    await goOn;
    return result;
  };
  const exchange = { respond: () => (at === "respond" ? think(Buffer.from("!")) : Buffer.from("!")) };
  return {
    name: "X-OWN",
    cleartext: false,
    start: () => (at === "start" ? think(exchange) : exchange),
  };
}

describe.each([
  ["start" as const, []],
  ["respond" as const, ["AUTH X-OWN"]],
])("aborted while a mechanism computes, in %s()", (at, said) => {
  test.each([
    ["the signal", "POP3_ABORTED"],
    ["close()", "POP3_CLOSED"],
  ])("does not send its response by %s", async (how, code) => {
    await using server = await ScriptedServer.listen([
      ...offering("SASL X-OWN"),
      ...(at === "respond" ? ["C: AUTH X-OWN", "S: + "] : []),
    ]);
    const client = await Pop3Client.connect(toScript(server));
    const [begun, over] = [gate(), gate()];
    const controller = new AbortController();
    const mechanism = thinking(at, begun.open, over.opened);
    const call = codeOf(client.authenticate({ ...auth, mechanism }, { signal: controller.signal }));
    await begun.opened;
    if (how === "the signal") controller.abort();
    else client.close();
    over.open();
    expect(await call).toBe(code);
    await turns();
    client.close();
    await server.played();
    expect(server.lines.slice(1)).toEqual(said);
  });
});

test("sends no proof if aborted while SCRAM computes", async () => {
  await using server = await listen({ sasl: ["SCRAM-SHA-256"], scram: { iterations: 100_000 } });
  const client = await Pop3Client.connect(to(server, { stls: "never" }));
  const controller = new AbortController();
  const call = codeOf(client.authenticate(auth, { signal: controller.signal }));
  // The challenge has come when the server has been silent for a while; then it takes a tenth of a second.
  while (!server.transcript.lines.some((line) => line.startsWith("S: + "))) await turns(1);
  await turns(4);
  controller.abort();
  expect(await call).toBe("POP3_ABORTED");
  expect(client.state).toBe("closed");
  await server.idle();
  expect(said(server).at(-1)).toBe("C: AUTH SCRAM-SHA-256 ****");
});
