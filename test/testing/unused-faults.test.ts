// A fault that never struck: the server names it, and its disposal throws.
import { describe, expect, it } from "vitest";
import { Pop3Client } from "../../src/index.ts";
import { Pop3Server, type Fault, type Pop3ServerOptions } from "../../src/testing/index.ts";

const listen = (faults: readonly Fault[], more: Pop3ServerOptions = {}): Promise<Pop3Server> =>
  Pop3Server.listen({ users: { ann: { pass: "secret" } }, faults, ...more });

async function noop(server: Pop3Server): Promise<void> {
  await using client = await Pop3Client.connect(
    `pop3://ann:secret@127.0.0.1:${String(server.port)}?stls=never`,
  );
  await client.noop();
}

describe("a fault that never struck", () => {
  it("is in unusedFaults until it strikes, as it was given", async () => {
    const [retr, noop2, every]: Fault[] = [
      { on: "RETR", reset: 3 },
      { on: "noop", nth: 2, delay: 1 },
      { on: "NOOP", nth: "every", split: 1 },
    ];
    await using server = await listen([retr, noop2, every] as Fault[], { allowUnusedFaults: true });
    expect(server.unusedFaults).toEqual([retr, noop2, every]);
    await noop(server);
    expect(server.unusedFaults).toEqual([retr, noop2]);
    await noop(server);
    expect(server.unusedFaults).toEqual([retr]);
  });

  it("makes the disposal reject, after the port is free", async () => {
    const server = await listen([
      { on: "RETR", reset: 3 },
      { on: "NOOP", nth: 2, delay: 1 },
      { on: "STAT", nth: "every", twice: true },
    ]);
    await noop(server);
    await expect(server[Symbol.asyncDispose]()).rejects.toMatchObject({
      code: "POP3_CONFIG",
      message:
        'the server was closed before it used { on: "RETR", nth: 1 } (0 such responses) and ' +
        '{ on: "NOOP", nth: 2 } (1 such response) and { on: "STAT", nth: "every" } (0 such responses): ' +
        "correct on and nth, or set allowUnusedFaults",
    });
    await using other = await Pop3Server.listen({ port: server.port });
    expect(other.port).toBe(server.port);
  });

  it("does not make close() reject, nor the disposal if it is allowed", async () => {
    const server = await listen([{ on: "RETR", reset: 3 }]);
    await server.close();
    const lenient = await listen([{ on: "RETR", reset: 3 }], { allowUnusedFaults: true });
    await lenient[Symbol.asyncDispose]();
  });

  it("does not hide the error of the block", async () => {
    const failing = async (): Promise<void> => {
      await using server = await listen([{ on: "RETR", reset: 3 }]);
      await noop(server);
      throw new Error("the test failed");
    };
    const error: unknown = await failing().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      name: "SuppressedError",
      error: { code: "POP3_CONFIG" },
      suppressed: { message: "the test failed" },
    });
  });
});
