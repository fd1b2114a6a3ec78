// One manual login and everything visible of it: the lines of the client, the outcome, and that no secret
// shows.
import { tracingChannel } from "node:diagnostics_channel";
import { once } from "node:events";
import { connect } from "node:net";
import createDebug from "debug";
import { expect } from "vitest";
import { Pop3Client, type Pop3Auth, type Pop3ClientOptions } from "../../../src/index.ts";
import { codeOf } from "../../support/outcome.ts";
import { turns } from "../../support/turns.ts";
import { base64, expectNoSecret, SECRET, visible } from "../../support/secret.ts";

/** A token, and the password in all of its disguises, are what must not be seen. */
export const TOKEN = "ya29.hunter2-token_~+/=";
export const ANN: Pop3Auth = { user: "ann", pass: SECRET };
export const TOKEN_OF_ANN: Pop3Auth = { user: "ann", accessToken: TOKEN };

/** A connection of the caller's own that remembers what the client wrote into it. */
export class Wiretap {
  /** A Buffer for each write. */
  readonly writes: Buffer[] = [];

  /** For the option `socket`. */
  readonly socket: NonNullable<Pop3ClientOptions["socket"]> = async ({ host, port }) => {
    const socket = connect(port, host);
    await once(socket, "connect");
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    socket.write = (chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
      this.writes.push(Buffer.from(chunk as string));
      return write(chunk, ...rest);
    };
    return socket;
  };

  /** In clear: octet by octet. */
  get lines(): string[] {
    const lines = Buffer.concat(this.writes).toString("latin1").split("\r\n");
    expect(lines.pop(), "an unfinished line").toBe("");
    return lines;
  }
}

export interface Attempt {
  /** The code of the error, or `"resolved"`. */
  readonly code: string;
  readonly error: unknown;
  /** The lines of the login, without CAPA and STLS before it and CAPA after it. */
  readonly lines: readonly string[];
  /** Whether the session goes on. */
  readonly kept: boolean;
  /** `authorization` or `transaction` if the session continues. */
  readonly state: string;
}

/**
 * Connects in clear, and logs in by hand. The octets that proved who the user is, the password and the token are
 * in no error, log, trace or inspection; each command, and the call, has ended once.
 */
export async function attempt(
  server: { readonly port: number },
  auth: Pop3Auth,
  more: Partial<Pop3ClientOptions> = {},
): Promise<Attempt> {
  const log: string[] = [];
  const original = createDebug.log;
  createDebug.log = (...args: unknown[]) => void log.push(args.map(String).join(" "));
  createDebug.enable("popwright:*");
  const traces: unknown[] = [];
  const begun: unknown[] = [];
  const ended: unknown[] = [];
  const subscriber = {
    start: (trace: unknown) => void begun.push(trace),
    end: (trace: unknown) => void traces.push(trace),
    asyncStart: (trace: unknown) => void traces.push(trace),
    asyncEnd: (trace: unknown) => void ended.push(trace),
    error: (trace: unknown) => void traces.push(trace),
  };
  const channel = tracingChannel("popwright:command");
  channel.subscribe(subscriber);
  const wiretap = new Wiretap();
  const client = new Pop3Client({
    ...{ host: "127.0.0.1", port: server.port, socket: wiretap.socket, secure: false, stls: "never" },
    ...more,
  });
  try {
    await client.connect();
    const before = wiretap.lines.length;
    let settled = 0;
    let error: unknown;
    const call = client.authenticate(auth);
    call.then(
      () => settled++,
      () => settled++,
    );
    await call.catch((thrown: unknown) => (error = thrown));
    const written = wiretap.writes.length;
    await turns();
    expect(settled).toBe(1);
    // After a failure there is silence.
    if (error !== undefined) expect(wiretap.writes.length).toBe(written);
    const { state } = client;
    const lines = wiretap.lines.slice(before);
    const seen = [visible(error), visible(client), visible(traces), log.join("\n")].join("\n");
    client.close();
    await turns();
    expect(ended).toHaveLength(begun.length);
    expect(new Set(ended).size).toBe(begun.length);
    expectNoProof(seen, lines);
    return {
      code: await codeOf(call),
      error,
      lines: error === undefined ? lines.filter((line) => line !== "CAPA") : lines,
      kept: state !== "closed",
      state,
    };
  } finally {
    client.close();
    channel.unsubscribe(subscriber);
    createDebug.disable();
    createDebug.log = original;
  }
}

/** Fails if `text` contains a secret, or a proof of one that was sent in `lines`. */
export function expectNoProof(text: string, lines: readonly string[]): void {
  expectNoSecret(text);
  const proofs = [TOKEN, base64(TOKEN), ...lines.flatMap(proofsIn)];
  expect(proofs.filter((proof) => text.includes(proof))).toEqual([]);
}

/** A line that proves nothing. */
const COMMAND = /^(?:CAPA|UTF8|USER .*|AUTH \S+|\*)$/;

/** What a line says to prove who the user is: as it went out, without its base64, and the digest within. */
function proofsIn(line: string): string[] {
  const said = /^(?:AUTH \S+ |PASS |APOP \S+ )(.+)$/.exec(line)?.[1] ?? (COMMAND.test(line) ? "" : line);
  const plain = Buffer.from(said, "base64").toString("utf8");
  // "YW5u" is a user name, and no secret.
  return [
    ...[said, plain].filter((text) => text.length >= 8),
    ...(/[0-9a-f]{32}/.exec(plain) ?? []),
    ...(/(?<=,p=).+$/.exec(plain) ?? []),
  ];
}
