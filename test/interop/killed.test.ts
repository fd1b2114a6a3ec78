// A server is killed: every pending call rejects with a Pop3Error, and nothing keeps the process alive.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Pop3Client, Pop3ConnectionError, Pop3Error, Pop3ProtocolError } from "../../src/index.ts";
import { Dovecot } from "../servers/dovecot.ts";
import { reach, transports, type Transport } from "../servers/transport.ts";

/** More octets than the system holds for two sockets: what is not read is not sent. */
const huge = Buffer.from(`Subject: huge\r\n\r\n${`${"x".repeat(998)}\r\n`.repeat(32_000)}`);
const small = Buffer.from("Subject: small\r\n\r\n");
const auth = { user: "ann", pass: "secret" };

/** What a caller may be told of a connection that the server has ended. */
const LOST = ["POP3_CLOSED", "POP3_RESET", "POP3_TRUNCATED", "POP3_UNSOLICITED"];
/** If it still can, Dovecot sends a last line to sessions that wait for a command. */
const isLoss = (error: unknown): boolean =>
  Pop3Error.is(error) &&
  LOST.includes(error.code) &&
  (error instanceof Pop3ConnectionError || error instanceof Pop3ProtocolError);

async function expectLost(calls: Iterable<Promise<unknown>>): Promise<void> {
  for (const outcome of await Promise.allSettled(calls)) {
    expect(outcome.status).toBe("rejected");
    if (outcome.status === "rejected") expect(outcome.reason).toSatisfy(isLoss);
  }
}

describe("Dovecot is killed", () => {
  let server: Dovecot;

  beforeEach(async () => {
    server = await Dovecot.start({ users: { ann: "secret", bea: "secret" } });
    await server.deliver("ann", [huge, small, small]);
  });

  // Most tests have stopped it already; one that failed may not have.
  afterEach(() => server.stop());

  /** No call waits, and no data is held. The client knows that the session is over, and later calls fail at once. */
  async function expectOver(client: Pop3Client, sockets: number): Promise<void> {
    expect(client.state).toBe("closed");
    await expectLost([client.noop(), client.stat(), client.retr(1), client.dele(1), client.quit()]);
    await expectLost([client.retrStream(1).toArray(), client.retrieve().next()]);
    // The system's sockets are closed a moment later.
    await vi.waitFor(() => expect(openSockets()).toBe(sockets), { interval: 5, timeout: 10_000 });
  }

  const openSockets = (): number =>
    process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;

  it.each(transports)("while a session is idle, over %s", async (transport: Transport) => {
    const before = openSockets();
    const client = await Pop3Client.connect({ ...reach(server, transport), auth });
    await client.stat();
    const closed = once(client, "close");
    await server.stop();
    const [failure] = (await closed) as [unknown];
    expect(failure).toSatisfy(isLoss);
    await expectOver(client, before);
  });

  it.each(transports)("while a session waits for a login, over %s", async (transport) => {
    const before = openSockets();
    const client = await Pop3Client.connect(reach(server, transport));
    const closed = once(client, "close");
    await server.stop();
    const [failure] = (await closed) as [unknown];
    expect(failure).toSatisfy(isLoss);
    await expectLost([client.user("ann"), client.authenticate(auth), client.capa(), client.apop("ann", "x")]);
    await vi.waitFor(() => expect(openSockets()).toBe(before), { interval: 5, timeout: 10_000 });
  });

  it.each(transports)(
    "in the middle of a stream, with commands queued after it, over %s",
    async (transport) => {
      const before = openSockets();
      const client = await Pop3Client.connect({ ...reach(server, transport), auth });
      await client.dele(3);
      let octets = 0;
      const read = async (): Promise<void> => {
        for await (const piece of client.retrStream(1) as AsyncIterable<Buffer>) {
          if (octets === 0) await server.stop();
          octets += piece.length;
        }
      };
      const calls = [read(), client.retr(2), client.top(2), client.noop(), client.uidl(), client.rset()];
      await expectLost([...calls, client.capa(), client.quit()]);
      expect(octets).toBeLessThan(huge.length);
      await expectOver(client, before);
    },
  );

  it("in the middle of a Buffer", async () => {
    const before = openSockets();
    const { host, port } = server;
    const socket = connectSocket({ host, port });
    await once(socket, "connect");
    const client = await Pop3Client.connect({ ...reach(server, "plain"), socket, auth });
    await client.stat();
    const message = client.retr(1);
    const outcome = expectLost([message, client.list()]);
    await once(socket, "data");
    socket.pause();
    await server.stop();
    socket.resume();
    await outcome;
    await expectOver(client, before);
  });

  it.each(["plain", "TLS port"] as const)("in the middle of retrieve() over %s", async (transport) => {
    const before = openSockets();
    const client = await Pop3Client.connect({ ...reach(server, transport), auth });
    const numbers: number[] = [];
    const loop = async (): Promise<void> => {
      for await (const message of client.retrieve([2, 3, 1])) {
        numbers.push(message.number);
        if (message.number !== 1) await message.buffer();
        else for await (const _piece of message) if (client.state === "transaction") await server.stop();
      }
    };
    await expectLost([loop()]);
    expect(numbers).toEqual([2, 3, 1]);
    await expectOver(client, before);
  });

  it("between DELE and QUIT, which then fails as not sent", async () => {
    const client = await Pop3Client.connect({ ...reach(server, "plain"), auth });
    await client.dele([1, 2, 3]);
    const closed = once(client, "close");
    await server.stop();
    await closed;
    await expect(client.quit()).rejects.toSatisfy(isLoss);
  });

  it("and a process with open sessions ends by itself, without output", async () => {
    const { host, port, tlsPort, ca } = server;
    const script = `${import.meta.dirname}/left-alone.ts`;
    const child = spawn(process.execPath, ["--import", "tsx", script], {
      env: { ...process.env, POP3_SERVER: JSON.stringify({ host, port, tlsPort, ca }) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    try {
      const exit = once(child, "exit");
      const errors = text(child.stderr);
      let output = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
      await vi.waitFor(() => expect(`${output}${child.exitCode ?? ""}`).toContain("ready\n"), {
        interval: 5,
        timeout: 20_000,
      });
      await server.stop();
      expect(await exit).toEqual([0, null]);
      expect(await errors).toBe("");
      const codes = JSON.parse(output.slice("ready\n".length)) as unknown[];
      expect(codes.length).toBe(8);
      for (const code of codes) expect(LOST).toContain(code);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
