// Which addresses belong to private networks, so that a webhook must not be sent there. The octets of an input are an address, or
// its text. Oracle: the networks of RFC 6890 as numbers, with IPv4 in IPv6 as IPv4 (RFC 4291 section 2.5.5.2).
import { isPrivate } from "../../../src/net/http-post.ts";
import { expectSame, expectThat, text } from "../oracle.ts";

export const FILES: readonly string[] = ["net/http-post"];
export const TOKENS: readonly string[] = [
  ...[
    "10.0.0.1",
    "127.0.0.1",
    "192.168.0.1",
    "::1",
    "::",
    "::ffff:10.0.0.1",
    "fe80::1%eth0",
    "fc00::",
    "2001:db8::",
  ],
  ...[
    "\x7f\0\0\x01",
    "\x0a\0\0\x01",
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x01",
    "\x20\x01",
    "\xfe\x80",
    "0x7f.1",
  ],
  ...[".", ":", "::", "%", "0", "255"],
];

/** Network and the number of its bits. */
const FOUR: readonly (readonly [network: string, bits: number])[] = [
  ...([
    ["00000000", 8],
    ["0a000000", 8],
    ["64400000", 10],
    ["7f000000", 8],
    ["a9fe0000", 16],
  ] as const),
  ...([
    ["ac100000", 12],
    ["c0000000", 24],
    ["c0a80000", 16],
    ["c6120000", 15],
    ["e0000000", 3],
  ] as const),
];
const SIX: readonly (readonly [network: string, bits: number])[] = [
  ...([
    ["", 96],
    ["0000000000000000ffff0000", 96],
    ["20010000", 32],
  ] as const),
  ...([
    ["0064ff9b", 96],
    ["0064ff9b0001", 48],
    ["2002", 16],
    ["fc", 7],
    ["fe8", 9],
    ["ff", 8],
  ] as const),
];

function isIn(octets: Buffer, networks: readonly (readonly [network: string, bits: number])[]): boolean {
  const address = BigInt(`0x${octets.toString("hex")}`);
  return networks.some(([network, bits]) => {
    const shift = BigInt(octets.length * 8 - bits);
    return address >> shift === BigInt(`0x${network.padEnd(octets.length * 2, "0")}`) >> shift;
  });
}

function expected(octets: Buffer): boolean {
  if (octets.length === 4) return isIn(octets, FOUR);
  const isMapped = octets.toString("hex").startsWith(`${"0".repeat(20)}ffff`);
  return isMapped ? isIn(octets.subarray(12), FOUR) : isIn(octets, SIX);
}

/** The ways to write an address. */
function* written(octets: Buffer): Generator<string, void> {
  if (octets.length === 4) {
    yield octets.join(".");
    return;
  }
  const groups = Array.from({ length: 8 }, (_, at) => octets.readUInt16BE(2 * at).toString(16));
  const whole = groups.join(":");
  yield whole;
  yield whole.toUpperCase();
  yield groups.map((group) => group.padStart(4, "0")).join(":");
  const short = whole.replace(/(?:^|:)0(?::0)+(?::|$)/, "::");
  yield short;
  yield `${groups.slice(0, 6).join(":")}:${octets.subarray(12).join(".")}`;
  yield `${short}%eth0`;
}

export function fuzz(data: Buffer): void {
  const answer = isPrivate(text(data));
  if (!/^[0-9a-f.:]+(?:%.+)?$/i.test(text(data))) expectThat(answer, "what is not an address", text(data));
  for (const size of [4, 16]) {
    const octets = Buffer.concat([data, Buffer.alloc(size)]).subarray(0, size);
    for (const address of written(octets))
      expectSame(isPrivate(address), address.includes("%") || expected(octets), `the address ${address}`);
  }
}

export function parse(data: Buffer): void {
  isPrivate(text(data));
}
