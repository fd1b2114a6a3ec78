// Servers that list PIPELINING and break it: no damaged message is given out, and the next session is a slow one.
import { describe, expect, test, vi } from "vitest";
import { Pop3Client, type Pop3ClientOptions } from "../../../src/index.ts";
import { OutOfOrderServer, type OutOfOrderOptions } from "../../support/out-of-order-server.ts";
import { turns, until } from "../../support/turns.ts";
import { auth, listen, logIn, offering, to, toScript } from "../../support/ann.ts";
import { stopClocks, timePasses } from "../../support/clock.ts";
import { codeOf, failureOf, settledCode } from "../../support/outcome.ts";
import { ScriptedServer, type Step } from "../../support/scripted-server.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

const TEXTS = [
  "From: a\r\n\r\nhello\r\nworld\r\n",
  `From: b\r\n\r\n${"x".repeat(62)}\r\n`,
  "From: c\r\n\r\n\r\n",
];
const WILDDUCK: OutOfOrderOptions = {
  greeting: "WildDuck POP3 Server ready",
  capabilities: ["IMPLEMENTATION WildDuck-v1.46.1"],
};

const connect = (server: OutOfOrderServer, more: Partial<Pop3ClientOptions> = {}): Promise<Pop3Client> =>
  Pop3Client.connect({
    ...{ host: "127.0.0.1", port: server.port, secure: false, stls: "never", auth },
    ...more,
  });

/** What came, and what ended it. */
async function retrieved(client: Pop3Client): Promise<[texts: string[], code: string]> {
  const texts: string[] = [];
  const all = async (): Promise<void> => {
    for await (const message of client.retrieve()) texts.push(String(await message.buffer()));
  };
  const code = await codeOf(all());
  client.close();
  return [texts, code];
}

describe("a program that is known for it", () => {
  test("gets no command after RETR, and gives every message", async () => {
    await using server = await OutOfOrderServer.listen(TEXTS, WILDDUCK);
    const client = await connect(server);
    expect(client.pipelining).toBe("limited");
    expect(await retrieved(client)).toEqual([TEXTS, "resolved"]);
    // Commands whose answers come in one piece are still sent together.
    expect(server.sessions[0]?.slice(3)).toEqual(["CAPA, LIST, UIDL", "RETR 1", "RETR 2", "RETR 3"]);
  });

  test("whatever is called at once", async () => {
    await using server = await OutOfOrderServer.listen(TEXTS, WILDDUCK);
    await using client = await connect(server);
    const calls = [
      client.noop(),
      client.retr(1),
      client.noop(),
      client.top(2),
      client.dele(1),
      client.noop(),
    ];
    const answers = await Promise.all(calls);
    expect([answers[1], answers[3]].map(String)).toEqual(TEXTS.slice(0, 2));
    expect(server.sessions[0]?.slice(3)).toEqual(["CAPA, NOOP, RETR 1", "NOOP, TOP 2 0", "DELE 1, NOOP"]);
  });

  test("that takes nothing together gets one command at a time", async () => {
    const options = { greeting: "POP3 ready", capabilities: ["LAST"], closes: true };
    await using server = await OutOfOrderServer.listen(TEXTS, options);
    const client = await connect(server);
    expect(client.pipelining).toBe("off");
    expect(await retrieved(client)).toEqual([TEXTS, "resolved"]);
    expect(server.sessions[0]?.join().includes(", ")).toBe(false);
  });
});

describe("a program that is not known", () => {
  test("the message with another reply in it is an error, and the next session is whole", async () => {
    await using server = await OutOfOrderServer.listen(TEXTS);
    const first = await connect(server);
    expect(first.pipelining).toBe("on");
    expect(await retrieved(first)).toEqual([[], "POP3_PROTOCOL"]);
    expect(first.pipelining).toBe("broken");
    const second = await connect(server);
    expect(second.pipelining).toBe("off");
    expect(await retrieved(second)).toEqual([TEXTS, "resolved"]);
    expect(server.sessions[1]?.join().includes(", ")).toBe(false);
  });

  test("the error says what happened", async () => {
    await using server = await OutOfOrderServer.listen(TEXTS);
    const client = await connect(server);
    await client.list();
    const [first, second] = await Promise.all([failureOf(client.retr(1)), failureOf(client.retr(2))]);
    expect(first).toMatchObject({ name: "Pop3ProtocolError", code: "POP3_PROTOCOL", command: "RETR 1" });
    expect(first.message).toBe(
      "the server wrote the reply to a later command into the message of RETR 1: it lists PIPELINING and does not answer in order",
    );
    expect(second).toMatchObject({ code: "POP3_PROTOCOL", command: "RETR 2" });
  });

  const AS_LONG_AS_A_REPLY = "+OK 100 octets\r\n".length;

  test.each([
    ["nothing was listed", { list: false, slack: 0, top: false }],
    ["the sizes are wrong by the length of a reply", { list: true, slack: AS_LONG_AS_A_REPLY, top: false }],
    ["only the beginning is asked for", { list: true, slack: 0, top: true }],
  ])("a message counts when the next reply has begun: %s", async (_, { list, slack, top }) => {
    await using server = await OutOfOrderServer.listen(TEXTS, { slack });
    const client = await connect(server);
    if (list) await client.list();
    const get = (number: number): Promise<Buffer> => (top ? client.top(number, 10) : client.retr(number));
    const calls = [get(1), get(2), get(3)].map(codeOf);
    expect(await Promise.all(calls)).toEqual(["POP3_PROTOCOL", "POP3_PROTOCOL", "POP3_PROTOCOL"]);
  });

  test("a stream with another reply in it never ends", async () => {
    await using server = await OutOfOrderServer.listen(TEXTS);
    const client = await connect(server);
    await client.list();
    const [stream, other] = [client.retrStream(1), client.retr(2)];
    let ended = false;
    stream.on("end", () => (ended = true)).resume();
    const error = await new Promise((resolve) => stream.on("error", resolve));
    expect(error).toMatchObject({ code: "POP3_PROTOCOL", command: "RETR 1" });
    expect(await codeOf(other)).toBe("POP3_PROTOCOL");
    expect(ended).toBe(false);
  });

  test("that closes the connection when several come: the next session sends one at a time", async () => {
    await using server = await OutOfOrderServer.listen(TEXTS, { closes: true });
    const first = await connect(server);
    expect(await retrieved(first)).toEqual([[], "POP3_CLOSED"]);
    expect(first.pipelining).toBe("broken");
    expect(await retrieved(await connect(server))).toEqual([TEXTS, "resolved"]);
  });

  test("that answers only the first of several: the next session sends one at a time", async () => {
    await using server = await OutOfOrderServer.listen(TEXTS, { forgets: true });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const first = await connect(server);
      const came = retrieved(first);
      await until(() => server.sessions[0]?.at(-1)?.startsWith("CAPA, LIST") === true);
      await turns();
      await vi.advanceTimersByTimeAsync(60_001);
      expect(await came).toEqual([[], "POP3_COMMAND_TIMEOUT"]);
      expect(first.pipelining).toBe("broken");
    } finally {
      vi.useRealTimers();
    }
    expect(await retrieved(await connect(server))).toEqual([TEXTS, "resolved"]);
  });

  test("text that a message may contain is not a fault", async () => {
    const texts = ["S: a\r\n\r\n+OK 12 octets\r\n", "-ERR\r\n", "+OK\r\n"];
    await using server = await ScriptedServer.listen(
      pipelined([
        ...["C: LIST", "S: +OK", ...texts.map((text, index) => `S: ${index + 1} ${text.length}`), "S: ."],
        ...["C: RETR 1", "C: RETR 2", "C: RETR 3"],
        ...texts.map((text) => Buffer.from(`+OK\r\n${text}.\r\n`)),
      ]),
    );
    const client = await Pop3Client.connect(toScript(server, { auth }));
    await client.list();
    const calls = [client.retr(1), client.retr(2), client.retr(3)];
    expect((await Promise.all(calls)).map(String)).toEqual(texts);
    client.close();
  });
});

function pipelined(steps: readonly Step[]): Step[] {
  const login = [...offering("USER", "PIPELINING"), "C: USER ann", "S: +OK", "C: PASS secret", "S: +OK"];
  return [...login, "C: CAPA", "S: -ERR", ...steps];
}

describe("a message of which all has come", () => {
  const STEPS = pipelined(["C: RETR 1", "C: RETR 2", "S: +OK", "S: one", "S: ."]);

  test("waits for the next reply, be it a refusal", async () => {
    await using server = await ScriptedServer.listen([...STEPS, "* wait", "S: -ERR no such message"]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    const [first, second] = [client.retr(1), client.retr(2)];
    expect(await settledCode(first)).toBe("still waiting");
    server.goOn();
    expect(String(await first)).toBe("one\r\n");
    expect(await codeOf(second)).toBe("POP3_REFUSED");
    expect(client.pipelining).toBe("on");
    client.close();
  });

  test("does not wait if nothing else is in flight", async () => {
    await using server = await ScriptedServer.listen(
      pipelined(["C: RETR 1", "S: +OK", "S: one", "S: .", "* wait"]),
    );
    const client = await Pop3Client.connect(toScript(server, { auth }));
    expect(String(await client.retr(1))).toBe("one\r\n");
    client.close();
  });

  test("can be given up while it waits, and the rest continues", async () => {
    await using server = await ScriptedServer.listen([...STEPS, "* wait", "S: +OK", "S: two", "S: ."]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    const leave = new AbortController();
    const [first, second] = [client.retr(1, { signal: leave.signal }), client.retr(2)];
    expect(await settledCode(first)).toBe("still waiting");
    leave.abort();
    expect(await settledCode(first)).toBe("POP3_ABORTED");
    server.goOn();
    expect(String(await second)).toBe("two\r\n");
    client.close();
  });

  test("is lost if the session is closed while it waits, and the server is not blamed", async () => {
    await using server = await ScriptedServer.listen([...STEPS, "* wait"]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    const [first, second] = [client.retr(1), client.retr(2)];
    expect(await settledCode(first)).toBe("still waiting");
    client.close();
    expect(await Promise.all([codeOf(first), codeOf(second)])).toEqual(["POP3_CLOSED", "POP3_CLOSED"]);
    expect(client.pipelining).toBe("on");
  });

  describe("with a time limit", () => {
    stopClocks();

    test("is not the fault of a server that waits for a reader of ours", async () => {
      await using server = await listen({ messages: ["x".repeat(2 ** 22)] });
      const client = await logIn(server, { timeouts: { body: 50 } });
      const stream = client.retrStream(1);
      const failed = new Promise((resolve) => stream.on("error", resolve));
      expect(await codeOf(timePasses(client.noop()))).toBe("POP3_IDLE_TIMEOUT");
      expect(await failed).toMatchObject({ code: "POP3_IDLE_TIMEOUT", command: "RETR 1" });
      expect(client.pipelining).toBe("on");
    });
  });

  test("may be claimed as a stream while it waits", async () => {
    const listed = ["C: LIST", "S: +OK", "S: 1 5", "S: 2 5", "S: .", "C: UIDL", "S: +OK", "S: ."];
    const both = ["C: RETR 1", "C: RETR 2", "S: +OK", "S: one", "S: .", "* wait", "S: +OK", "S: two", "S: ."];
    await using server = await ScriptedServer.listen(pipelined([...listed, ...both]));
    const client = await Pop3Client.connect(toScript(server, { auth }));
    const texts: string[] = [];
    for await (const message of client.retrieve()) {
      await server.wrote(/RETR 2/);
      await settledCode(new Promise(() => undefined));
      const stream = message.stream();
      server.goOn();
      for await (const octets of stream as AsyncIterable<Buffer>) texts.push(String(octets));
    }
    expect(texts).toEqual(["one\r\n", "two\r\n"]);
    client.close();
  });
});

describe("what is remembered of a server", () => {
  test("ends after 24 hours", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      await using server = await OutOfOrderServer.listen(TEXTS);
      const pipelining = async (): Promise<string> => (await connect(server)).pipelining;
      await retrieved(await connect(server));
      expect(await pipelining()).toBe("off");
      vi.setSystemTime(Date.now() + 24 * 60 * 60 * 1000 - 60_000);
      expect(await pipelining()).toBe("off");
      vi.setSystemTime(Date.now() + 60_001);
      expect(await pipelining()).toBe("on");
    } finally {
      vi.useRealTimers();
    }
  });

  test("does not affect another port, and ignores the case of the host name", async () => {
    await using server = await OutOfOrderServer.listen(TEXTS);
    await using other = await OutOfOrderServer.listen(TEXTS);
    await retrieved(await connect(server, { host: "LocalHost", family: 4 }));
    expect((await connect(server, { host: "localhost", family: 4 })).pipelining).toBe("off");
    expect((await connect(other, { host: "localhost", family: 4 })).pipelining).toBe("on");
    expect((await connect(server)).pipelining).toBe("on");
  });
});

describe("a server whose session CAPA ends", () => {
  const WITHOUT: readonly Step[] = ["S: +OK hello", "C: USER ann", "S: +OK", "C: PASS secret", "S: +OK"];

  /** The first connection plays one script, those after it another. */
  async function play(first: readonly Step[], second: readonly Step[] = WITHOUT): Promise<string[]> {
    await using old = await ScriptedServer.listen(first);
    await using next = await ScriptedServer.listen(second);
    let dials = 0;
    const { connect: dial } = await import("node:net");
    const socket = (): ReturnType<typeof dial> => dial(dials++ === 0 ? old.port : next.port, "127.0.0.1");
    const client = await Pop3Client.connect({ ...toScript(next), auth, socket });
    expect(client.state).toBe("transaction");
    client.close();
    await next.played();
    expect([dials, old.connections, next.connections]).toEqual([2, 1, 1]);
    return [...old.lines, ...next.lines];
  }

  test.each<[string, readonly Step[]]>([
    ["without a word", ["S: +OK hello", "C: CAPA", "* close"]],
    ["by a reset", ["S: +OK hello", "C: CAPA", "* reset"]],
    ["within the list", ["S: +OK hello", "C: CAPA", "S: +OK", "S: STLS", "* close"]],
  ])("is dialled once more without CAPA: %s", async (_, script) => {
    expect(await play(script)).toEqual(["CAPA", "USER ann", "PASS secret"]);
  });

  test("with a refusal first", async () => {
    const lines = await play(["S: +OK hello", "C: CAPA", "S: -ERR bad command", "* close"]);
    expect(lines.slice(-2)).toEqual(["USER ann", "PASS secret"]);
    expect(lines.filter((line) => line === "CAPA")).toHaveLength(1);
  });

  test("after the login", async () => {
    const login = [...offering("USER", "UIDL"), "C: USER ann", "S: +OK", "C: PASS secret", "S: +OK"];
    // What the first CAPA lists is of use, and is asked for again.
    const lines = await play([...login, "C: CAPA", "* close"], login);
    const once = ["CAPA", "USER ann", "PASS secret"];
    expect(lines).toEqual([...once, "CAPA", ...once]);
  });

  test("TLS that was offered before it is kept, though it is not required", async () => {
    await using server = await listen({ stls: true, faults: [{ on: "CAPA", nth: 2, close: 0 }] });
    const client = await Pop3Client.connect(
      to(server, { stls: "if-offered", allowPlaintextAuth: true, auth }),
    );
    expect([client.secure, client.state, server.connections]).toEqual([true, "transaction", 2]);
    client.close();
  });

  test("a stream of the caller's own cannot be dialled again", async () => {
    await using server = await ScriptedServer.listen(["S: +OK hello", "C: CAPA", "* close"]);
    const { connect: dial } = await import("node:net");
    const socket = dial(server.port, "127.0.0.1");
    expect(await codeOf(Pop3Client.connect({ ...toScript(server), auth, socket }))).toBe("POP3_CLOSED");
  });

  test("it is not dialled a third time, nor when the caller closes", async () => {
    await using server = await ScriptedServer.listen(["S: +OK hello", "* octets", "* close"]);
    expect(await codeOf(Pop3Client.connect(toScript(server, { auth })))).toBe("POP3_CLOSED");
    expect(server.connections).toBe(2);
    await using silent = await ScriptedServer.listen(["S: +OK hello", "C: CAPA", "* wait"]);
    const client = new Pop3Client(toScript(silent, { auth }));
    const connecting = codeOf(client.connect());
    await silent.wrote(/CAPA/);
    client.close();
    expect(await connecting).toBe("POP3_CLOSED");
    expect(silent.connections).toBe(1);
  });

  test("a wrong password that is answered by closing does not lead to another connection", async () => {
    await using server = await ScriptedServer.listen([
      ...["S: +OK hello", "C: CAPA", "S: -ERR", "C: USER ann", "S: +OK", "C: PASS secret", "* close"],
    ]);
    expect(await codeOf(Pop3Client.connect(toScript(server, { auth })))).toBe("POP3_AUTH_CLOSED");
    expect(server.connections).toBe(1);
  });
});
