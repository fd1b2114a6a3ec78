// Mistakes of the caller are reported to the caller, once, and leave the session in a defined state.
import { once } from "node:events";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Pop3Client, Pop3Error, type Pop3Message } from "popwright";
import { Gate } from "../support/gate.ts";
import { large, MIB } from "../support/large-message.ts";
import { maildropScript, messageOf, uidOf } from "../support/maildrop-script.ts";
import { overheard } from "../support/overheard.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import type { Peer } from "../support/peer.ts";
import { codeOf, guardEachTest, outcome } from "../support/sentry.ts";
import { endAs } from "../support/wire-ends.ts";
import { withClient } from "./with-client.ts";
import { turns, until } from "../support/turns.ts";

guardEachTest();

const never = (): Promise<undefined> => new Promise(() => undefined);

describe("an unawaited call when the connection ends", () => {
  const CALLS: Record<string, (client: Pop3Client) => unknown> = {
    noop: (client) => client.noop(),
    stat: (client) => client.stat(),
    list: (client) => client.list(),
    uidl: (client) => client.uidl(1),
    retr: (client) => client.retr(1),
    "dele of many": (client) => client.dele([1, 2, 3, 4, 5]),
    capa: (client) => client.capa(),
    "the first message of a loop": (client) => client.retrieve().next(),
    "the octets of a message": async (client) => (await client.retrieve([1]).next()).value?.buffer(),
    quit: async (client) => {
      await client.dele(1);
      await client.quit();
    },
  };

  it.each(Object.entries(CALLS))("causes only its own unhandled rejection: %s", async (_name, call) => {
    const answers = Object.fromEntries(
      ["NOOP", "STAT", "LIST", "UIDL", "RETR", "DELE 1", "DELE 2", "QUIT"].map((verb) => [verb, never]),
    );
    if (_name === "quit")
      answers["DELE 1"] = () => Promise.resolve("+OK\r\n") as unknown as Promise<undefined>;
    if (_name === "capa") answers["ECHO"] = never;
    const heard = await overheard("unhandledRejection", () =>
      withClient(answers, async (client, server) => {
        if (_name === "capa") void outcome(client.command("ECHO 1"));
        call(client);
        if (_name === "quit") await until(() => server.peers[0]?.commands.includes("QUIT") === true);
        await turns(20);
        server.peers[0]?.reset();
        await once(client, "close");
      }),
    );
    expect(heard.map(codeOf)).toEqual([_name === "quit" ? "POP3_COMMIT_UNKNOWN" : "POP3_RESET"]);
  });

  it("of a login causes one unhandled rejection", async () => {
    const heard = await overheard("unhandledRejection", async () => {
      await using server = await ScriptedServer.listen(maildropScript({ AUTH: never }));
      void new Pop3Client(server.options()).connect();
      const peer = await server.peer();
      await until(() => peer.commands.length === 2);
      await endAs(peer, "reset");
      await turns(20);
    });
    expect(heard.map(codeOf)).toEqual(["POP3_RESET"]);
  });

  it("of a loop with messages in flight causes none", async () => {
    const heard = await overheard("unhandledRejection", () =>
      withClient({ "RETR 3": never }, async (client, server) => {
        const loop = client.retrieve();
        const first = (await loop.next()).value as Pop3Message;
        expect((await first.buffer()).toString()).toBe(messageOf(1));
        const second = outcome(((await loop.next()).value as Pop3Message).buffer());
        await endAs(server.peers[0] as Peer, "reset");
        expect(await second).toBe("POP3_RESET");
        expect(await outcome(loop.next())).toBe("POP3_RESET");
      }),
    );
    expect(heard).toEqual([]);
  });

  it("of the CAPA after the login causes none", async () => {
    let asked = 0;
    const heard = await overheard("unhandledRejection", () =>
      withClient(
        { CAPA: () => (++asked === 1 ? "+OK\r\nSASL PLAIN\r\nPIPELINING\r\n.\r\n" : never()) },
        async (client, server) => {
          await until(() => asked === 2);
          server.peers[0]?.reset();
          await once(client, "close");
        },
      ),
    );
    expect(heard).toEqual([]);
  });
});

describe("a stream without listeners", () => {
  it.each(["reset", "end", "close by the caller"])("does not end the process on %s", async (how) => {
    const heard = await overheard("uncaughtException", () =>
      withClient(
        { RETR: (peer) => peer.send("+OK\r\nSubject: half").then(() => never()) },
        async (client, server) => {
          client.retrStream(1);
          const message = (await client.retrieve([2]).next()).value as Pop3Message;
          message.stream();
          await until(() => server.peers[0]?.commands.includes("RETR 1") === true);
          if (how === "reset") server.peers[0]?.reset();
          else if (how === "end") server.peers[0]?.end();
          else client.close();
          await server.peers[0]?.gone;
          await until(() => client.state === "closed");
          await turns(20);
        },
      ),
    );
    expect(heard).toEqual([]);
  });
});

describe("a listener that throws", () => {
  it.each([new RangeError("no room"), new Pop3Error("POP3_REFUSED", "of the caller's own")])(
    "on data ends the session or not, but every call settles: %s",
    async (thrown) => {
      let state = "";
      let next = "";
      const heard = await overheard("uncaughtException", () =>
        withClient({ "RETR 1": large(MIB) }, async (client) => {
          const stream = client.retrStream(1);
          stream.on("error", () => undefined);
          stream.on("data", () => {
            throw thrown;
          });
          next = await outcome(client.uidl(2));
          state = client.state;
        }),
      );
      expect(heard).toContain(thrown);
      if (state === "closed") expect(next).toBe("POP3_CLOSED");
      else expect(next).toBe("ok");
    },
  );

  it("on end does not end the session", async () => {
    const thrown = new RangeError("no room");
    const heard = await overheard("uncaughtException", () =>
      withClient({}, async (client) => {
        const stream = client.retrStream(1).resume();
        stream.on("end", () => {
          throw thrown;
        });
        expect(await client.uidl(2)).toBe(uidOf(2));
        await turn();
        expect(await client.uidl(3)).toBe(uidOf(3));
      }),
    );
    expect(heard).toEqual([thrown]);
  });

  it("on close does not stop calls from settling", async () => {
    const thrown = new RangeError("no room");
    const heard = await overheard("uncaughtException", () =>
      withClient({ UIDL: never }, async (client, server) => {
        client.on("close", () => {
          throw thrown;
        });
        const calls = [client.uidl(1), client.noop(), client.retr(2)].map(outcome);
        await until(() => server.peers[0]?.commands.includes("UIDL 1") === true);
        await endAs(server.peers[0] as Peer, "reset");
        expect(await Promise.all(calls)).toEqual(["POP3_RESET", "POP3_RESET", "POP3_RESET"]);
        expect(client.state).toBe("closed");
      }),
    );
    expect(heard).toEqual([thrown]);
  });

  it("in a pipeline gives its error, and the session continues", async () => {
    await withClient({ "RETR 1": large(MIB) }, async (client) => {
      const full = new Writable({
        write(_octets, _encoding, callback) {
          callback(new RangeError("the disk is full"));
        },
      });
      await expect(pipeline(client.retrStream(1), full)).rejects.toThrow("the disk is full");
      expect(await client.uidl(2)).toBe(uidOf(2));
    });
  });
});

it("every call gets an error of its own, with the common cause, when the session ends", async () => {
  const gate = new Gate();
  await withClient(
    {
      "UIDL 1": async (peer) => {
        await gate.opened;
        peer.reset();
        return undefined;
      },
    },
    async (client) => {
      const calls = [client.uidl(1), client.retr(2), client.noop()].map((call: Promise<unknown>) =>
        call.catch((error: unknown) => error as Pop3Error),
      );
      gate.open();
      const errors = (await Promise.all(calls)) as Pop3Error[];
      expect(errors.map(({ command }) => command)).toEqual(["UIDL 1", "RETR 2", "NOOP"]);
      expect(new Set(errors).size).toBe(3);
      expect(new Set(errors.map(({ cause }) => cause)).size).toBe(1);
    },
  );
});
