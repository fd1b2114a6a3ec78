// Several commands at once: each call gets its own answer.
import { describe, expect, test } from "vitest";
import { Pop3Client } from "../../../src/index.ts";
import { auth, listen, logIn, offering, said, toScript } from "../../support/ann.ts";
import { codeOf } from "../../support/outcome.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { expectNothingUnhandled } from "../../support/unhandled.ts";

expectNothingUnhandled();

describe("pipelining", () => {
  const PIPELINED: readonly string[] = [
    ...offering("USER", "PIPELINING"),
    ...["C: USER ann", "S: +OK", "C: PASS secret", "S: +OK", "C: CAPA", "S: -ERR"],
  ];

  test("gives each call its own answer, and rejects only the refused one", async () => {
    await using server = await ScriptedServer.listen([
      ...PIPELINED,
      ...["C: LIST 1", "C: LIST 2", "C: RETR 3", "C: UIDL 4", "C: NOOP"],
      ...["S: +OK 1 10", "S: -ERR no such message", "S: +OK", "S: three", "S: .", "S: +OK 4 four", "S: +OK"],
    ]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    const results = await Promise.allSettled([
      client.list(1),
      client.list(2),
      client.retr(3),
      client.uidl(4),
      client.noop(),
    ]);
    expect(results.map((result) => (result.status === "fulfilled" ? result.value : "refused"))).toEqual([
      10,
      "refused",
      Buffer.from("three\r\n"),
      "four",
      undefined,
    ]);
    client.close();
    await server.played();
  });

  test("keeps the answers that arrived when the connection ends, and rejects the other calls in order", async () => {
    await using server = await ScriptedServer.listen([
      ...PIPELINED,
      ...["C: NOOP", "C: LIST 1", "C: STAT", "C: STAT", "S: +OK", "S: +OK 1 10", "* close"],
    ]);
    const client = await Pop3Client.connect(toScript(server, { auth }));
    const order: string[] = [];
    const calls = [client.noop(), client.list(1), client.stat(), client.stat(), client.quit()];
    await Promise.all(
      calls.map((call, index) => codeOf(call).then((code) => order.push(`${String(index)} ${code}`))),
    );
    expect(order).toEqual(["0 resolved", "1 resolved", "2 POP3_CLOSED", "3 POP3_CLOSED", "4 POP3_CLOSED"]);
    await server.played();
  });

  test("is not used if the option is false", async () => {
    await using server = await ScriptedServer.listen(
      [...PIPELINED, "C: NOOP", "S: +OK", "C: STAT", "S: +OK 0 0", "C: NOOP", "S: +OK"],
      { lockstep: true },
    );
    const client = await Pop3Client.connect(toScript(server, { auth, pipelining: false }));
    await Promise.all([client.noop(), client.stat(), client.noop()]);
    client.close();
    await server.played();
  });

  test("answers ten thousand commands at once", async () => {
    await using server = await listen({
      messages: Array.from({ length: 100 }, (_, index) => `${String(index + 1)}\r\n`),
    });
    await using client = await logIn(server);
    const calls = Array.from({ length: 10_000 }, (_, index) =>
      index % 100 === 99 ? client.retr((index % 97) + 1) : client.uidl((index % 100) + 1),
    );
    const answers = await Promise.all(calls);
    expect(answers.map(String)).toEqual(
      Array.from({ length: 10_000 }, (_, index) =>
        index % 100 === 99 ? `${String((index % 97) + 1)}\r\n` : `uid-${String((index % 100) + 1)}`,
      ),
    );
    await client.quit();
    expect(said(server).filter((line) => line === "C: UIDL 1")).toHaveLength(100);
  });
});
