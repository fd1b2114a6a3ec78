// The lock file of a mailbox or an mbox, which other programs may write, too. Oracles: its grammar; a file that is torn or
// zeroed names no process, so only its age counts; what is written is read again, held and released.
import { holderOf, isAbandoned, type Holder } from "../../../src/fetch/files/lock-file.ts";
import { expectSame, expectThat, text } from "../oracle.ts";

export const FILES: readonly string[] = ["fetch/files/lock-file", "fetch/files/fence"];
export const TOKENS: readonly string[] = [
  '{"token":"0123456789abcdef","pid":7,"host":"h","fence":"9","since":"x"}\n',
  ...['-"token":"0123456789abcdef"}', '"pid":-1', '"pid":0', '"pid":1.5', '"pid":1e300', '"fence":"x"'],
  ...["12345", "\n", "\0", "{", "-", "}", '"', ",", "null", '"fence":9'],
];

const CLAIM = { host: "here", stale: 60_000 };
const SEEN = 1_760_000_000_000;

function read(file: string): Holder {
  const holder = holderOf(file, { mtimeMs: SEEN });
  const { token, pid, fence, free } = holder;
  expectThat(/^(?:[0-9a-f]{16}|unknown)$/.test(token), "a token that becomes a part of a name", token);
  expectThat(pid === undefined || (Number.isInteger(pid) && pid > 0), "a process id", pid);
  expectThat(fence >= 0n && fence < 10n ** 18n, "a fence", fence);
  expectThat(!free || (file.startsWith("-") && token !== "unknown"), "a lock that is released", file);
  return holder;
}

export function fuzz(data: Buffer): void {
  read(data.toString("utf8"));
  const [token, host] = [data.toString("hex").slice(0, 16).padStart(16, "0"), data.toString("utf8")];
  const number = data.length < 5 ? data.length + 1 : 1 + data.readUIntBE(0, 4);
  const written = `${JSON.stringify({ token, pid: number, host, fence: String(number), since: "" })}\n`;
  const holder: Holder = { token, pid: number, host, fence: BigInt(number), free: false, seen: SEEN };
  expectSame(read(written), holder, "a lock file written and read again");
  expectSame(read(`-${written.slice(1)}`), { ...holder, free: true }, "a lock that was released");
  const cut = data.length < 2 ? data.length : data.readUInt16BE(data.length - 2) % (written.length - 1);
  for (const rest of ["", "\0".repeat(written.length - cut)]) {
    for (const first of ["{", "-"]) {
      const torn = read(`${first}${written.slice(1, Math.max(1, cut))}${rest}`);
      expectSame([torn.token, torn.pid, torn.free], ["unknown", undefined, false], "a torn lock file");
      for (const age of [-60_001, -60_000, 0, 60_000, 60_001])
        expectSame(
          isAbandoned(torn, CLAIM, SEEN + age),
          Math.abs(age) > 60_000,
          "a torn lock file by its age",
        );
    }
  }
}

export function parse(data: Buffer): void {
  holderOf(text(data), { mtimeMs: SEEN });
}
