// Limits on what many sessions or one large message use; and that only delivered messages are deleted.
import { createHash } from "node:crypto";
import { getEventListeners } from "node:events";
import { expect } from "vitest";
import { Pop3Client, type Pop3Error } from "popwright";
import { listen, said, to } from "../support/ann.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import { codeOf } from "../support/outcome.ts";
import { turns } from "../support/turns.ts";
import { SECRET } from "../support/secret.ts";
import { certificate } from "../support/certificate.ts";
import { maildropScript } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { endAs } from "../support/wire-ends.ts";
import type { Row } from "./row.ts";
import { MESSAGES } from "./stage.ts";

const users = { ann: { pass: SECRET, messages: MESSAGES } };
const auth = { user: "ann", pass: SECRET };
const LINES = 1_000_000;

const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

/** Retrieves, keeps and marks each message, as callers do; `keep` may fail. */
async function fetchAndDelete(client: Pop3Client, keep: (message: Buffer) => Promise<void>): Promise<void> {
  for await (const message of client.retrieve()) {
    await keep(await message.buffer());
    await client.dele(message.number);
  }
  await client.quit();
}

export const WEAR: readonly Row[] = [
  {
    row: "3D.116",
    name: "hundreds of complete and broken sessions leave no listener",
    differs: "hundreds, not ten thousand: handles and listeners are counted, and one too many would show",
    play: async () => {
      const script = maildropScript({
        "RETR 3": async (peer) => {
          await peer.send("+OK\r\nhalf");
          await endAs(peer, "reset");
          return undefined;
        },
      });
      await using server = await ScriptedServer.listen(script);
      const { signal } = new AbortController();
      for (let at = 0; at < 300; at++) {
        const client = await Pop3Client.connect(server.options(), { signal });
        if (at % 2 === 0) await client.quit({ signal });
        else expect(await codeOf(client.retr(3, { signal }))).not.toBe("resolved");
      }
      await Promise.all(server.peers.map(({ gone }) => gone));
      expect(getEventListeners(signal, "abort")).toEqual([]);
    },
  },
  {
    row: "3D.117",
    name: "an idle session has no timer, nor has an ended one",
    play: async () => {
      // One of the tests before this one may still go off.
      const before = timers();
      await using server = await listen({ users, faults: [{ on: "NOOP", nth: "every", reset: 0 }] });
      const ends: ((client: Pop3Client) => unknown)[] = [
        (client) => client.quit(),
        (client) => client.close(),
        (client) => client[Symbol.asyncDispose](),
        (client) => codeOf(client.noop()),
        (client) => codeOf(client.retr(1, { signal: AbortSignal.abort() })),
      ];
      for (const end of ends) {
        const client = await Pop3Client.connect(to(server, { stls: "never", auth }));
        await client.uidl();
        expect(timers(), "timers of an idle session").toBeLessThanOrEqual(before);
        await end(client);
        client.close();
        await server.idle();
        await turns();
        expect(timers(), "timers after its end").toBeLessThanOrEqual(before);
      }
    },
  },
  {
    row: "3D.118",
    name: "a million short lines arrive",
    differs: "no time is measured here: the tests of the decoder count the work, which is linear",
    play: async () => {
      const text = ".\r\n".repeat(LINES);
      await using server = await ScriptedServer.listen(
        maildropScript({ RETR: `+OK\r\n${"..\r\n".repeat(LINES)}.\r\n` }),
      );
      const client = await Pop3Client.connect(server.options());
      const hash = createHash("sha256").update(await client.retr(1));
      expect(hash.digest("hex")).toBe(createHash("sha256").update(text).digest("hex"));
      await client.quit();
    },
  },
  {
    row: "3D.118",
    name: "100,000 octets arrive one by one",
    play: async () => {
      const [ours, theirs] = duplexPair();
      const body = "0123456.\r\n".repeat(10_000);
      const answers: Readonly<Record<string, string>> = { CAPA: "-ERR\r\n", "RETR 1": `+OK\r\n${body}.\r\n` };
      theirs.on("data", (line: Buffer) => {
        for (const octet of answers[line.toString().trim()] ?? "+OK\r\n") theirs.write(octet);
      });
      theirs.write("+OK hello\r\n");
      const client = await Pop3Client.connect({
        ...{ host: "mail.test", secure: false, stls: "never", socket: ours },
        auth: { ...auth, mechanism: "USER" },
      });
      expect((await client.retr(1)).equals(Buffer.from(body))).toBe(true);
      client.close();
    },
  },
  ...[true, false].map((secure): Row => ({
    row: "3D.119",
    name: `the stream below TLS fails together with TLS (${secure ? "from the first octet" : "by STLS"})`,
    play: async () => {
      const [ours, theirs] = duplexPair();
      const failure = Object.assign(new Error("cut"), { code: "ECONNRESET" });
      theirs.on("error", () => undefined);
      theirs.on("data", (octets: Buffer) => {
        const line = octets.toString("latin1");
        if (line.startsWith("CAPA")) theirs.write("+OK\r\nSTLS\r\n.\r\n");
        else if (line.startsWith("STLS")) theirs.write("+OK\r\n");
        else {
          // No handshake, and the failure of the stream at the same time.
          theirs.write("+OK no TLS here\r\n");
          ours.destroy(failure);
        }
      });
      if (!secure) theirs.write("+OK hello\r\n");
      const tls = { ca: certificate.cert };
      const client = new Pop3Client({ host: "mail.test", secure, socket: ours, auth, tls });
      let settled = 0;
      const code = await codeOf(client.connect().finally(() => settled++));
      expect(code).toMatch(/^POP3_(?:TLS_HANDSHAKE|TLS_INJECTION|RESET|CLOSED)$/);
      await turns();
      expect([settled, client.state, ours.destroyed]).toEqual([1, "closed", true]);
    },
  })),
  {
    row: "3D.122",
    name: "fetch and delete: a truncated message is not marked, and nothing is deleted",
    differs: "no call deletes implicitly: the caller decides the order, and awaits each step",
    play: async () => {
      await using server = await listen({ users, faults: [{ on: "RETR", nth: 2, close: 30 }] });
      const kept: Buffer[] = [];
      const client = await Pop3Client.connect(to(server, { stls: "never", auth }));
      const keep = async (message: Buffer): Promise<void> => void kept.push(message);
      expect(await codeOf(fetchAndDelete(client, keep))).toMatch(/^POP3_(?:TRUNCATED|CLOSED)$/);
      await server.idle();
      expect(kept.map(String)).toEqual(MESSAGES.slice(0, 1));
      expect(said(server).filter((line) => /DELE [23]|QUIT/.test(line))).toEqual([]);
      expect(server.maildrop("ann").messages).toHaveLength(MESSAGES.length);
    },
  },
  {
    row: "3D.122",
    name: "fetch and delete: a message that could not be saved is not marked, and disposal removes the marks",
    differs: "no call deletes implicitly: the caller decides the order, and awaits each step",
    play: async () => {
      await using server = await listen({ users });
      const full = new Error("no space left on device");
      let kept = 0;
      const leave = async (): Promise<void> => {
        await using client = await Pop3Client.connect(to(server, { stls: "never", auth }));
        await fetchAndDelete(client, async () => {
          if (++kept === 2) throw full;
        });
      };
      await expect(leave()).rejects.toBe(full);
      await server.idle();
      expect(said(server).filter((line) => /DELE|RSET|QUIT/.test(line))).toEqual([
        ...["C: DELE 1", "C: RSET", "C: QUIT"],
      ]);
      expect(server.maildrop("ann").messages).toHaveLength(MESSAGES.length);
    },
  },
  {
    row: "3D.123",
    name: "the reply to QUIT is lost after the commit: the next session shows what was deleted",
    differs: "no unique-ids are kept: UIDL of the next session decides, and POP3_COMMIT_UNKNOWN says so",
    play: async () => {
      const faults = [{ on: "QUIT", carriedOut: true, reply: "", close: 0 }];
      await using server = await listen({ users, faults });
      const client = await Pop3Client.connect(to(server, { stls: "never", auth }));
      const uids = await client.uidl();
      await client.dele([1, 3]);
      const error = await client.quit().catch((thrown: unknown) => thrown as Pop3Error);
      expect(error).toMatchObject({ code: "POP3_COMMIT_UNKNOWN", marked: [1, 3] });
      await server.idle();
      const again = await Pop3Client.connect(to(server, { stls: "never", auth }));
      expect([...(await again.uidl()).values()]).toEqual([uids.get(2)]);
      await again.quit();
    },
  },
  {
    row: "3D.123",
    name: "the caller crashes before QUIT: the mail is retrieved again",
    differs: "no unique-ids are kept: UIDL of the next session decides",
    play: async () => {
      await using server = await listen({ users });
      const client = await Pop3Client.connect(to(server, { stls: "never", auth }));
      const uids = await client.uidl();
      await client.dele([1, 3]);
      client.close();
      await server.idle();
      const again = await Pop3Client.connect(to(server, { stls: "never", auth }));
      expect(await again.uidl()).toEqual(uids);
      await again.quit();
    },
  },
];
