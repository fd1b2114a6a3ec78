// An octet that no command asked for, or an invalid reply, ends the session. No answer reaches the wrong
// call.
import { describe, expect, it } from "vitest";
import { Pop3Client } from "popwright";
import { maildropScript, uidOf, type Answers } from "../support/maildrop-script.ts";
import { ScriptedServer, SECRET } from "../support/scripted-server.ts";
import { guardEachTest, outcome } from "../support/sentry.ts";
import { turns } from "../support/turns.ts";

guardEachTest();

/** What no reply is, or no reply yet. */
const NO_REPLIES: Record<string, string> = {
  "a blank line": "\r\n",
  "LF alone": "+OK\n",
  "LF alone after CR LF": "+OK\r\n\n",
  "lower case": "+ok 1 2\r\n",
  "mixed case": "-Err no\r\n",
  "no token": "+OKAY\r\n",
  "a continuation": "+ \r\n",
  "another protocol": "HTTP/1.1 400 Bad Request\r\n",
  "a NUL": "+OK a\0b\r\n",
  "a leading space": " +OK\r\n",
  garbage: "\x16\x03\x01\x02\r\n",
  "a CR in the middle": "+O\rK\r\n",
};

const UNSOLICITED: Record<string, string> = {
  "a reply": "+OK again\r\n",
  "a refusal": "-ERR idle for too long\r\n",
  "half a reply": "+O",
  "a blank line": "\r\n",
  LF: "\n",
  NUL: "\0",
  "a space": " ",
  "a whole response": "+OK\r\n1 120\r\n.\r\n",
};

describe.each(Object.entries(NO_REPLIES))("%s instead of a reply", (_name, octets) => {
  it("as the greeting ends the session, and no secret is sent", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ greeting: octets }));
    const code = await outcome(Pop3Client.connect(server.options()));
    expect(["POP3_BAD_GREETING", "POP3_PROTOCOL", "POP3_UNSOLICITED"]).toContain(code);
    expect(server.peers[0]?.received).toBe(0);
  });

  it.each([true, false])("as the reply to STAT ends the session, pipelined: %s", async (pipelining) => {
    await using server = await ScriptedServer.listen(maildropScript({ STAT: octets }, { pipelining }));
    const client = await Pop3Client.connect(server.options());
    const calls = [client.stat(), client.uidl(2), client.retr(3)].map(outcome);
    const [first, ...others] = await Promise.all(calls);
    if (octets === "+OK\r\n\n") expect(first).toBe("POP3_BAD_RESPONSE");
    else expect(first).toBe("POP3_PROTOCOL");
    expect(new Set(others).size).toBe(1);
    expect(["POP3_PROTOCOL", "POP3_UNSOLICITED"]).toContain(others[0]);
    expect(client.state).toBe("closed");
    await server.peers[0]?.gone;
  });

  it("after the status line is text of the message", async () => {
    const body = `${octets.replaceAll(".", "")}end`;
    await using server = await ScriptedServer.listen(maildropScript({ RETR: `+OK\r\n${body}\r\n.\r\n` }));
    const client = await Pop3Client.connect(server.options());
    expect((await client.retr(1)).toString("latin1")).toBe(`${body}\r\n`);
    expect(await client.uidl(2)).toBe(uidOf(2));
    client.close();
  });
});

describe.each(Object.entries(UNSOLICITED))("%s that no command asked for", (_name, octets) => {
  async function expectUnsolicited(
    answers: Answers,
    call: (client: Pop3Client) => Promise<unknown>,
  ): Promise<void> {
    await using server = await ScriptedServer.listen(maildropScript(answers, { pipelining: false }));
    const client = await Pop3Client.connect(server.options());
    const closed = new Promise<unknown>((resolve) => client.once("close", resolve));
    const result = await outcome(call(client));
    expect(await closed).toMatchObject({ code: "POP3_UNSOLICITED" });
    expect(result).toBe("ok");
    expect(client.state).toBe("closed");
    const sent = server.peers[0]?.commands.length;
    expect(await outcome(client.dele(1))).toBe("POP3_UNSOLICITED");
    await server.peers[0]?.gone;
    expect(server.peers[0]?.commands.length).toBe(sent);
  }

  it("after the greeting ends the session, and no secret is sent", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ greeting: `+OK ready\r\n${octets}` }));
    expect(await outcome(Pop3Client.connect(server.options()))).toBe("POP3_UNSOLICITED");
    await server.peers[0]?.gone;
    expect(server.peers[0]?.commands.join()).not.toContain(SECRET);
  });

  it("after the reply to the login ends the session", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ AUTH: `+OK\r\n${octets}` }));
    expect(await outcome(Pop3Client.connect(server.options()))).toBe("POP3_UNSOLICITED");
    await server.peers[0]?.gone;
  });

  it("after a reply, in the same packet, ends the session", async () => {
    await expectUnsolicited({ STAT: `+OK 1 140\r\n${octets}` }, (client) => client.stat());
  });

  it("after a reply, later, ends the session", async () => {
    await expectUnsolicited(
      {
        STAT: async (peer) => {
          await peer.send("+OK 1 140\r\n");
          await turns(10);
          return octets;
        },
      },
      (client) => client.stat(),
    );
  });

  it("after the end of a message ends the session", async () => {
    await expectUnsolicited({ RETR: `+OK\r\nbody\r\n.\r\n${octets}` }, async (client) => {
      expect((await client.retr(1)).toString()).toBe("body\r\n");
    });
  });

  it("after the end of a streamed message ends the session", async () => {
    await expectUnsolicited({ RETR: `+OK\r\nbody\r\n.\r\n${octets}` }, async (client) => {
      const pieces = (await client.retrStream(1).toArray()) as Buffer[];
      expect(Buffer.concat(pieces).toString()).toBe("body\r\n");
    });
  });

  it("after a refusal ends the session", async () => {
    await using server = await ScriptedServer.listen(
      maildropScript({ RETR: `-ERR no\r\n${octets}` }, { pipelining: false }),
    );
    const client = await Pop3Client.connect(server.options());
    expect(await outcome(client.retr(1))).toBe("POP3_REFUSED");
    expect(await outcome(client.dele(1))).toBe("POP3_UNSOLICITED");
  });

  it("after the reply to QUIT does not undo the commit", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ QUIT: `+OK\r\n${octets}` }));
    const client = await Pop3Client.connect(server.options());
    await client.dele(1);
    expect(await outcome(client.quit())).toBe("ok");
    expect(client.state).toBe("closed");
  });
});

describe("answers about another message", () => {
  it.each([
    ["LIST", (client: Pop3Client) => client.list(2), "+OK 1 120\r\n"],
    ["UIDL", (client: Pop3Client) => client.uidl(2), "+OK 1 uid-1\r\n"],
  ] as const)("to %s end the session", async (verb, call, answer) => {
    await using server = await ScriptedServer.listen(maildropScript({ [verb]: answer }));
    const client = await Pop3Client.connect(server.options());
    const next = outcome(client.noop());
    expect(await outcome(call(client))).toBe("POP3_PROTOCOL");
    expect(["ok", "POP3_PROTOCOL"]).toContain(await next);
    expect(client.state).toBe("closed");
  });

  it("in a pipeline are noticed before a wrong answer is given", async () => {
    await using server = await ScriptedServer.listen(
      maildropScript({ "UIDL 3": "+OK 3 uid-3\r\n+OK 3 uid-3\r\n" }),
    );
    const client = await Pop3Client.connect(server.options());
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => client.uidl(n)));
    for (const [index, result] of results.entries()) {
      if (result.status === "fulfilled") expect(result.value).toBe(uidOf(index + 1));
    }
    expect(results.map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
      "fulfilled",
      "rejected",
      "rejected",
    ]);
    expect(client.state).toBe("closed");
  });
});
