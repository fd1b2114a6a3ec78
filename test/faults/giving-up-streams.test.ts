// If the reader abandons a message, the next command gets its own answer, or none.
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Pop3Client, type Pop3Message } from "popwright";
import { Gate } from "../support/gate.ts";
import { large, MIB } from "../support/large-message.ts";
import { maildropScript, messageOf, uidOf } from "../support/maildrop-script.ts";
import { ScriptedServer } from "../support/scripted-server.ts";
import { codeOf, guardEachTest, outcome } from "../support/sentry.ts";
import { until } from "../support/turns.ts";

guardEachTest();

function ignore(): void {
  // The test closes the client while the stream is open.
}

/** The session gives each call its own answer. */
async function expectInStep(client: Pop3Client): Promise<void> {
  expect(await client.uidl(7)).toBe(uidOf(7));
  expect((await client.retr(5)).toString()).toBe(messageOf(5));
  expect((await client.command("ECHO in step")).text).toBe("in step");
}

describe.each([true, false])("with pipelining: %s", (pipelining) => {
  const options = { pipelining };

  it("a stream destroyed before its first read and before it was sent", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ "RETR 1": large(3 * MIB) }, options));
    const client = await Pop3Client.connect(server.options());
    client.retrStream(1).destroy();
    await expectInStep(client);
    expect(server.peers[0]?.commands).not.toContain("RETR 1");
    client.close();
  });

  it("a stream destroyed before its first read, after its command was sent", async () => {
    const gate = new Gate();
    await using server = await ScriptedServer.listen(
      maildropScript(
        {
          "RETR 1": async (peer) => {
            await gate.opened;
            return large(3 * MIB)(peer);
          },
        },
        options,
      ),
    );
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(1);
    await until(() => server.peers[0]?.commands.includes("RETR 1") === true);
    stream.destroy();
    gate.open();
    await expectInStep(client);
    client.close();
  });

  it("a stream destroyed before its first read, after octets arrived", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ "RETR 1": large(3 * MIB) }, options));
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(1);
    await until(() => stream.readableLength > 0);
    stream.destroy();
    await expectInStep(client);
    client.close();
  });

  it("a stream destroyed in the middle", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ "RETR 1": large(3 * MIB) }, options));
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(1);
    await once(stream, "data");
    const next = client.uidl(3);
    stream.destroy();
    expect(await next).toBe(uidOf(3));
    await expectInStep(client);
    client.close();
  });

  it("a stream destroyed in its own listener", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ "RETR 1": large(3 * MIB) }, options));
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(1);
    stream.on("data", () => {
      stream.destroy();
    });
    const other = client.retrStream(1);
    other.on("readable", () => {
      other.destroy();
    });
    await expectInStep(client);
    client.close();
  });

  it("a stream destroyed with an error of the reader", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ "RETR 1": large(3 * MIB) }, options));
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(1);
    const failed = once(stream, "error");
    await once(stream, "data");
    stream.destroy(new RangeError("the disk is full"));
    expect((await failed)[0]).toBeInstanceOf(RangeError);
    await expectInStep(client);
    client.close();
  });

  it("a stream destroyed before the terminator arrives", async () => {
    const gate = new Gate();
    await using server = await ScriptedServer.listen(
      maildropScript(
        {
          "RETR 1": async (peer) => {
            await peer.send(`+OK\r\n${messageOf(1)}`);
            await gate.opened;
            return ".\r\n";
          },
        },
        options,
      ),
    );
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(1);
    await once(stream, "data");
    stream.destroy();
    gate.open();
    await expectInStep(client);
    client.close();
  });

  it("a stream destroyed unread after all of it arrived", async () => {
    await using server = await ScriptedServer.listen(maildropScript({}, options));
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(1);
    await client.uidl(1); // its answer comes after the message
    stream.destroy();
    await expectInStep(client);
    client.close();
  });

  it("a stream destroyed after its end", async () => {
    await using server = await ScriptedServer.listen(maildropScript({}, options));
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(1);
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece as Buffer);
    expect(Buffer.concat(pieces).toString()).toBe(messageOf(1));
    stream.destroy();
    stream.destroy(new Error("late"));
    await expectInStep(client);
    client.close();
  });

  it("a refused message destroys only its own stream", async () => {
    await using server = await ScriptedServer.listen(maildropScript({}, options));
    const client = await Pop3Client.connect(server.options());
    const stream = client.retrStream(99);
    const [error] = (await once(stream, "error")) as [unknown];
    expect(codeOf(error)).toBe("POP3_REFUSED");
    await expectInStep(client);
    client.close();
  });

  it.each(["nothing claimed", "a buffer claimed", "a stream claimed", "a stream in the middle"])(
    "a loop left early with %s",
    async (how) => {
      await using server = await ScriptedServer.listen(maildropScript({ "RETR 4": large(3 * MIB) }, options));
      const client = await Pop3Client.connect(server.options());
      let claimed: Promise<string> | undefined;
      for await (const message of client.retrieve()) {
        if (message.number < 4) continue;
        if (how === "a buffer claimed") claimed = outcome(message.buffer());
        if (how === "a stream claimed") message.stream().on("error", ignore);
        if (how === "a stream in the middle") await once(message.stream().on("error", ignore), "data");
        break;
      }
      if (claimed !== undefined) expect(await claimed).toBe("ok");
      // A stream that is claimed and not read holds back later answers until its owner lets go of it.
      if (how !== "a stream claimed" && how !== "a stream in the middle") await expectInStep(client);
      client.close();
    },
  );

  it("a loop whose body throws", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ "RETR 2": large(3 * MIB) }, options));
    const client = await Pop3Client.connect(server.options());
    const loop = async (): Promise<void> => {
      for await (const message of client.retrieve()) {
        for await (const piece of message) {
          if (message.number === 2) throw new RangeError(`no room for ${String(piece.length)}`);
        }
      }
    };
    await expect(loop()).rejects.toThrow(RangeError);
    await expectInStep(client);
    client.close();
  });

  it("a loop that skips messages gets the others", async () => {
    await using server = await ScriptedServer.listen(maildropScript({ "RETR 3": large(3 * MIB) }, options));
    const client = await Pop3Client.connect(server.options());
    const seen: string[] = [];
    for await (const message of client.retrieve()) {
      await turn();
      if (message.number % 2 === 0) seen.push((await message.buffer()).toString());
    }
    expect(seen).toEqual([2, 4, 6, 8, 10].map(messageOf));
    await expectInStep(client);
    client.close();
  });

  it("a message before the current one of the loop can no longer be read", async () => {
    await using server = await ScriptedServer.listen(maildropScript({}, options));
    const client = await Pop3Client.connect(server.options());
    const loop = client.retrieve();
    const first = (await loop.next()).value as Pop3Message;
    const second = (await loop.next()).value as Pop3Message;
    expect(await outcome(first.buffer())).toBe("POP3_MESSAGE_PASSED");
    expect((await second.buffer()).toString()).toBe(messageOf(2));
    await loop.return();
    await expectInStep(client);
    client.close();
  });

  it("many streams destroyed at once", async () => {
    await using server = await ScriptedServer.listen(maildropScript({}, options));
    const client = await Pop3Client.connect(server.options());
    const streams = [1, 2, 3, 4, 5, 6].map((n) => client.retrStream(n));
    const kept = client.retr(7);
    await turn();
    await turn();
    for (const stream of streams) stream.destroy();
    expect((await kept).toString()).toBe(messageOf(7));
    await expectInStep(client);
    client.close();
  });
});
