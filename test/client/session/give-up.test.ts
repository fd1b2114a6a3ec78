// An aborted call rejects at once, and no other call gets its answer.
import { describe, expect, test } from "vitest";
import { Pop3Client, type Pop3Error } from "../../../src/index.ts";
import {
  auth,
  ends,
  listen,
  LOGGED_IN,
  logIn,
  logInTo,
  offeringApop,
  said,
  toScript,
} from "../../support/ann.ts";
import { codeOf, failureOf, settledCode } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

describe("an aborted call", () => {
  test("is not sent if it was not sent yet", async () => {
    await using server = await listen();
    await using client = await logIn(server);
    await client.noop();
    const controller = new AbortController();
    const reason = new Error("enough");
    const call = failureOf(client.stat({ signal: controller.signal }));
    controller.abort(reason);
    const failure = await call;
    expect(failure).toMatchObject({ code: "POP3_ABORTED", name: "AbortError", command: "STAT" });
    expect(failure.cause).toBe(reason);
    expect(await codeOf(client.stat({ signal: AbortSignal.abort() }))).toBe("POP3_ABORTED");
    await client.noop();
    expect(said(server)).not.toContain("C: STAT");
  });

  test("in flight rejects at once; its answer is dropped, and the next call gets its own", async () => {
    await using server = await ScriptedServer.listen([
      ...[...LOGGED_IN, "C: LIST 1", "* wait", "S: +OK 1 100", "C: LIST 2", "S: +OK 2 200"],
    ]);
    const client = await logInTo(server);
    const controller = new AbortController();
    const call = client.list(1, { signal: controller.signal });
    call.catch(() => undefined);
    await server.wrote(/LIST 1\r\n/);
    controller.abort();
    expect(await settledCode(call)).toBe("POP3_ABORTED");
    const next = client.list(2);
    server.goOn();
    expect(await next).toBe(200);
    client.close();
    await server.played();
  });

  test("in flight in the middle of a batch rejects at once", async () => {
    await using server = await listen({
      messages: Array.from({ length: 10 }, (_, n) => `${String(n + 1)}\r\n`),
    });
    await using client = await logIn(server);
    const controller = new AbortController();
    const calls = Array.from({ length: 10 }, (_, index) =>
      client.retr(index + 1, index === 4 ? { signal: controller.signal } : {}).then(
        (octets) => octets.toString().trim(),
        (error: unknown) => (error as Pop3Error).code,
      ),
    );
    await turns(1);
    controller.abort();
    expect(await Promise.all(calls)).toEqual(["1", "2", "3", "4", "POP3_ABORTED", "6", "7", "8", "9", "10"]);
    await client.noop();
  });

  test("with too much left of a message closes the connection", async () => {
    await using server = await listen({ messages: [Buffer.alloc(9_000_000, "text\r\n")] });
    const client = await logIn(server, { limits: { drain: 1000 } });
    const controller = new AbortController();
    const call = client.retr(1, { signal: controller.signal });
    call.catch(() => undefined);
    await turns(3);
    controller.abort();
    expect(await settledCode(call)).toBe("POP3_ABORTED");
    expect(["POP3_ABANDONED", "resolved"]).toContain(await codeOf(client.noop()));
    client.close();
  });

  test.each<[string, Step[], (client: Pop3Client, signal: AbortSignal) => Promise<unknown>]>([
    [
      "PASS",
      ["C: USER ann", "S: +OK", "C: PASS secret"],
      (client, signal) => client.user("ann").then(() => client.pass("secret", { signal })),
    ],
    ["APOP", [/^APOP/], (client, signal) => client.apop("ann", "secret", { signal })],
    [
      "AUTH",
      [/^AUTH PLAIN/],
      (client, signal) => client.authenticate({ ...auth, mechanism: "PLAIN" }, { signal }),
    ],
    ["STLS", ["C: STLS"], (client, signal) => client.stls({ signal })],
    ["QUIT", ["C: QUIT"], (client, signal) => client.quit({ signal })],
  ])("with %s ends the session, because its state is unknown", async (verb, steps, call) => {
    await using server = await ScriptedServer.listen([
      ...offeringApop("USER", "SASL PLAIN", "STLS"),
      ...steps,
    ]);
    const client = await Pop3Client.connect(toScript(server));
    const seen = ends(client);
    const controller = new AbortController();
    const given = call(client, controller.signal);
    given.catch(() => undefined);
    await server.wrote(new RegExp(`${verb}.*\\r\\n`));
    controller.abort();
    expect(await settledCode(given)).toBe("POP3_ABORTED");
    expect(client.state).toBe("closed");
    await server.played();
    expect(seen).toEqual(["POP3_ABANDONED"]);
  });

  test("signals of finished calls have no listeners", async () => {
    await using server = await listen();
    await using client = await logIn(server);
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (type: string, listener: never, options?: never) => {
      listeners.add(listener);
      add(type, listener, options);
    };
    signal.removeEventListener = (type: string, listener: never, options?: never) => {
      listeners.delete(listener);
      remove(type, listener, options);
    };
    await client.noop({ signal });
    await client.retr(1, { signal });
    await codeOf(client.retr(7, { signal }));
    for await (const message of client.retrieve(undefined, { signal })) await message.buffer();
    for await (const _ of client.retrieve(undefined, { signal })) break;
    for await (const _ of client.retrStream(1, { signal }));
    await turns();
    expect(listeners.size).toBe(0);
  });
});
