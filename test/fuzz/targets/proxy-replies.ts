// What a proxy answers: the response to CONNECT (RFC 9110 section 9.3.6), and the replies of SOCKS5 (RFC 1928, RFC 1929) and
// SOCKS4. The first octet chooses one. Oracles: readers by the letter of the RFCs, in any cutting; what follows the last reply
// belongs to the server, octet by octet; no error shows the proxy's password.
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Proxy } from "../../../src/net/proxy.ts";
import { Pop3ConnectionError } from "../../../src/errors.ts";
import { httpConnect, socksConnect } from "../../../src/net/tunnel.ts";
import { duplexPair } from "../../support/duplex-pair.ts";
import { cuts, expectSame, fromFirst, settledOutcome, text, type Outcome } from "../oracle.ts";

export const FILES: readonly string[] = ["net/tunnel"];
export const TOKENS: readonly string[] = [
  ...[
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.0 200\r\n",
    "HTTP/1.1 407 no\r\n\r\n",
    "\r\n",
    "\r\n\r\n",
    "+OK ready\r\n",
  ],
  ...[
    "\x05\0",
    "\x05\x02",
    "\x01\0",
    "\x05\0\0\x01\x7f\0\0\x01\x04\x38",
    "\x05\0\0\x03\x01a\0\x50",
    "\x05\xff",
  ],
  ...[`\x05\0\0\x04${"\0".repeat(15)}\x01\0\x50`, "\x05\x05\0\x01", "\0\x5a\0\0\0\0\0\0", "\0\x5b"],
];

const PROXY = { host: "proxy.example.com", port: 1080, user: undefined, pass: undefined };
const PROXIES: readonly Proxy[] = [
  { ...PROXY, kind: "http" },
  { ...PROXY, kind: "socks5" },
  { ...PROXY, kind: "socks5", user: "ann", pass: "hunter2-pass" },
  { ...PROXY, kind: "socks4a" },
];
const TARGET = { host: "pop.example.com", port: 110 };
const REFUSED = { code: "POP3_CONNECT" };

const clock = {
  timeout: 60_000,
  late: (): Pop3ConnectionError => new Pop3ConnectionError("POP3_CONNECT", "it took too long"),
};

/** Returns what the server seems to send through the tunnel. */
async function tunnelled(proxy: Proxy, pieces: readonly Buffer[]): Promise<Outcome<string>> {
  const [ours, theirs] = duplexPair();
  // As a socket of Node does: what has no more to read is closed.
  ours.on("error", () => undefined).on("end", () => ours.end());
  theirs.resume();
  const open = proxy.kind === "http" ? httpConnect : socksConnect;
  const opening = settledOutcome(["POP3_CONNECT"], async () => {
    await open(ours as unknown as Socket, proxy, TARGET, clock);
    return rest(ours);
  });
  for (const piece of pieces) {
    theirs.write(piece);
    await Promise.resolve();
  }
  // A proxy that says no more closes the connection. If the tunnel is open, it stays so until its octets are read.
  setImmediate(() => setImmediate(() => setImmediate(() => theirs.end())));
  const outcome = await opening;
  ours.destroy();
  theirs.destroy();
  return outcome;
}

/** Reads all octets that the stream still has. */
async function rest(stream: Duplex): Promise<string> {
  const octets: Buffer[] = [];
  for await (const chunk of stream) octets.push(chunk as Buffer);
  return text(Buffer.concat(octets));
}

/** `undefined`: the RFC leaves it open. */
function byTheLetter({ kind, user }: Proxy, replies: Buffer): Outcome<string> | undefined {
  if (kind === "http") {
    const [, status = "", server] = /^([^]*?)\r\n\r\n([^]*)$/.exec(text(replies)) ?? [];
    if (server === undefined || !/^HTTP\/1\.[01] 2[0-9][0-9](?: |\r\n|$)/.test(`${status}\r\n`))
      return REFUSED;
    return { value: server };
  }
  if (kind === "socks4a") {
    // The first octet should be 0, but old servers repeat the version.
    return replies.length >= 8 && replies[1] === 0x5a ? { value: text(replies.subarray(8)) } : REFUSED;
  }
  if (replies.length < 2 || replies[0] !== 5) return REFUSED;
  let at = 2;
  if (replies[1] === 2) {
    if (user === undefined) return undefined;
    if (replies.length < 4 || replies[3] !== 0) return REFUSED;
    at = 4;
  } else if (replies[1] !== 0) return REFUSED;
  const reply = replies.subarray(at);
  if (reply.length < 5 || reply[0] !== 5 || reply[1] !== 0) return REFUSED;
  const address = { 1: 4, 3: 1 + (reply[4] ?? 0), 4: 16 }[reply[3] as number];
  if (address === undefined) return undefined;
  const end = 4 + address + 2;
  return reply.length < end ? REFUSED : { value: text(reply.subarray(end)) };
}

export async function fuzz(data: Buffer): Promise<void> {
  const [index, replies] = fromFirst(data, PROXIES.length);
  const proxy = PROXIES[index] as Proxy;
  const expected = byTheLetter(proxy, replies);
  const whole = await tunnelled(proxy, [replies]);
  if (expected !== undefined) expectSame(whole, expected, `the replies of ${proxy.kind}`);
  for (const pieces of cuts(replies.subarray(0, 128))) {
    const short = Buffer.concat(pieces);
    const same = byTheLetter(proxy, short);
    if (same !== undefined)
      expectSame(await tunnelled(proxy, pieces), same, `the replies of ${proxy.kind} in pieces`);
  }
}
