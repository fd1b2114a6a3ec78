// Readers that pause, leave or throw, callers without listeners, and callers that close.
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { Pop3Client } from "popwright";
import { toScript } from "../support/ann.ts";
import { codeOf } from "../support/outcome.ts";
import { turns } from "../support/turns.ts";
import { large, MIB } from "../support/large-message.ts";
import { maildropScript } from "../support/maildrop-script.ts";
import { overheard } from "../support/overheard.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import type { Row } from "./row.ts";
import { session } from "./steps.ts";

export const READERS: readonly Row[] = [
  {
    row: "3D.110",
    name: "an unread message of 1 GiB stays with the server, and no timer runs",
    play: async () => {
      await using server = await ScriptedServer.listen(maildropScript({ RETR: large(1024 * MIB) }));
      const client = await Pop3Client.connect(server.options({ timeouts: { body: 100 } }));
      const stream = client.retrStream(1);
      await once(stream, "readable");
      await delay(300);
      expect(server.peers[0]?.taken).toBeLessThan(32 * MIB);
      expect(stream.readableLength).toBeLessThan(MIB);
      expect(client.state).toBe("transaction");
      const closed = once(stream, "error");
      client.close();
      expect((await closed)[0]).toMatchObject({ code: "POP3_CLOSED" });
      await server.peers[0]?.gone;
    },
  },
  {
    row: "3D.111",
    name: "a stream is destroyed at a tenth of its message: the next call gets its own answer",
    server: maildropScript({ RETR: large(2 * MIB) }),
    calls: async (client) => {
      const stream = client.retrStream(1);
      let size = 0;
      for await (const piece of stream) if ((size += (piece as Buffer).length) > MIB / 5) break;
      return [stream.destroyed, await client.uidl(7)];
    },
    gives: [true, "uid-7"],
    leaves: "transaction",
  },
  {
    row: "3D.112",
    name: "a reader throws in its loop: the loop rejects with that error, and the session continues",
    server: maildropScript({ RETR: large(MIB) }),
    calls: async (client) => {
      const thrown = new RangeError("no room");
      const reading = async (): Promise<void> => {
        for await (const _ of client.retrStream(1)) throw thrown;
      };
      await expect(reading()).rejects.toBe(thrown);
      return client.uidl(7);
    },
    gives: "uid-7",
    leaves: "transaction",
  },
  {
    row: "3D.112",
    name: "a listener for data throws: the error is uncaught, and the session ends",
    server: maildropScript({ RETR: large(MIB) }),
    calls: async (client) => {
      const thrown = new RangeError("no room");
      const heard = await overheard("uncaughtException", async () => {
        const stream = client.retrStream(1);
        stream.once("data", () => {
          throw thrown;
        });
        stream.on("error", () => undefined);
        await once(client, "close");
      });
      expect(heard).toEqual([thrown]);
      return client.state;
    },
    gives: "closed",
  },
  {
    row: "3D.113",
    name: "a stream without an error listener fails: the process does not end",
    server: session("C: RETR 1", "S: +OK", "S: half", "* wait", "* reset"),
    calls: async (client, stage) => {
      client.retrStream(1);
      await stage.wrote(/RETR 1/);
      await turns(5);
      const closed = once(client, "close");
      stage.goOn();
      await closed;
      return client.state;
    },
    gives: "closed",
  },
  {
    row: "3D.114",
    name: "unawaited calls cause only their own unhandled rejections",
    server: maildropScript({
      RETR: (peer) => {
        peer.reset();
        return undefined;
      },
    }),
    calls: async (client) => {
      const heard = await overheard("unhandledRejection", async () => {
        void client.retr(1);
        void client.uidl(2);
        client
          .retrieve()
          .next()
          .catch(() => undefined);
        await once(client, "close");
      });
      return heard.length;
    },
    gives: 2,
  },
  {
    row: "3D.115",
    name: "close() several times, also in its own event, and calls after it",
    server: session("C: STAT"),
    calls: async (client, stage) => {
      client.on("close", () => {
        client.close();
      });
      const call = codeOf(client.stat());
      await stage.wrote(/STAT/);
      client.close();
      client.close();
      return [
        await call,
        await codeOf(client.stat()),
        await codeOf(client.quit()),
        await codeOf(client.connect()),
      ];
    },
    gives: ["POP3_CLOSED", "POP3_CLOSED", "POP3_CLOSED", "POP3_STATE"],
  },
  {
    row: "3D.115",
    name: "close() during connect()",
    play: async () => {
      await using server = await ScriptedServer.listen(["S: +OK hello", "C: CAPA"]);
      const client = new Pop3Client(toScript(server));
      const call = codeOf(client.connect());
      await server.wrote(/CAPA/);
      client.close();
      client.close();
      expect(await call).toBe("POP3_CLOSED");
      await server.played();
    },
  },
];
