// close() works at any time, and a command can be given at any time. The state is the same for every caller.
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { Pop3Client } from "popwright";
import { large, MIB } from "../support/large-message.ts";
import { uidOf } from "../support/maildrop-script.ts";
import { codeOf, guardEachTest, outcome } from "../support/sentry.ts";
import { withClient } from "./with-client.ts";

guardEachTest();

const never = (): Promise<undefined> => new Promise(() => undefined);

describe("close()", () => {
  const WHERE: Record<string, (client: Pop3Client) => Promise<unknown>> = {
    "in a data listener": async (client) => {
      const stream = client.retrStream(1);
      stream.on("data", () => {
        client.close();
      });
      await once(stream, "close").catch(() => undefined);
    },
    "in a readable listener, with octets buffered": async (client) => {
      const stream = client.retrStream(1).on("error", () => undefined);
      stream.on("readable", () => {
        client.close();
      });
      await new Promise((resolve) => stream.once("close", resolve));
    },
    "in an end listener": async (client) => {
      const stream = client.retrStream(2).resume();
      stream.on("end", () => {
        client.close();
      });
      await once(stream, "close");
    },
    "in a close listener of its own": async (client) => {
      client.on("close", () => {
        client.close();
      });
      client.close();
    },
    "after an answer has arrived": (client) =>
      client.uidl(3).then(() => {
        client.close();
      }),
    "after another call was refused": (client) =>
      client.retr(99).catch(() => {
        client.close();
      }),
    twice: async (client) => {
      client.close();
      client.close();
    },
    "in a loop": async (client) => {
      for await (const message of client.retrieve([2, 3, 4])) {
        if (message.number === 3) client.close();
        await message.buffer().catch(() => undefined);
      }
    },
  };

  it.each(Object.entries(WHERE))("rejects later calls: %s", async (_name, run) => {
    await withClient({ "RETR 1": large(MIB), "UIDL 9": never }, async (client) => {
      let closings = 0;
      client.on("close", () => closings++);
      const calls = outcome(run(client));
      expect(["ok", "POP3_CLOSED"]).toContain(await calls);
      expect(client.state).toBe("closed");
      expect(closings).toBe(1);
      expect(await outcome(client.noop())).toBe("POP3_CLOSED");
      expect(await outcome(client.quit())).toBe("POP3_CLOSED");
      expect(await outcome(client.retrieve().next())).toBe("POP3_CLOSED");
      expect(codeOf((await once(client.retrStream(1), "error"))[0])).toBe("POP3_CLOSED");
    });
  });

  it("leaves no timer running, even if calls wait for a message that is read", async () => {
    await withClient({ "RETR 1": large(MIB) }, async (client) => {
      const stream = client.retrStream(1).on("error", () => undefined);
      const later = [client.noop(), client.uidl(1), client.retr(2)].map(outcome);
      stream.on("data", () => {
        stream.pause();
        client.close();
      });
      expect(await Promise.all(later)).toEqual(["POP3_CLOSED", "POP3_CLOSED", "POP3_CLOSED"]);
    });
  });

  it("before connect() makes it reject", async () => {
    const client = new Pop3Client({ host: "127.0.0.1", port: 1 });
    client.close();
    client.close();
    expect(["POP3_CLOSED", "POP3_STATE"]).toContain(await outcome(client.connect()));
    await client[Symbol.asyncDispose]();
  });
});

describe("a call in a listener", () => {
  it("is sent after the commands in flight", async () => {
    await withClient({ "RETR 1": large(MIB) }, async (client) => {
      const answers: Promise<string>[] = [];
      const stream = client.retrStream(1);
      stream.once("data", () => answers.push(client.uidl(5)));
      stream.once("end", () => answers.push(client.uidl(6)));
      await once(stream.resume(), "end");
      expect(await Promise.all(answers)).toEqual([uidOf(5), uidOf(6)]);
    });
  });

  it("of quit() waits for the message", async () => {
    await withClient({ "RETR 1": large(MIB) }, async (client) => {
      const stream = client.retrStream(1);
      let quitting: Promise<string> | undefined;
      let octets = 0;
      stream.on("data", (piece: Buffer) => {
        octets += piece.length;
        quitting ??= outcome(client.quit());
      });
      await once(stream, "end");
      expect(await quitting).toBe("ok");
      expect(octets).toBe(MIB);
    });
  });
});
