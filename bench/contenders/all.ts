// All clients of the benchmark, by name.
import type { Contender } from "./contender.ts";
import { nodePop3 } from "./node-pop3.ts";
import { mailpop3, poplib } from "./poplib.ts";
import { popwright, popwrightStream } from "./popwright.ts";
import { drain, scan } from "./raw.ts";
import { yapople } from "./yapople.ts";

const contenders: readonly Contender[] = [
  drain,
  scan,
  popwright,
  popwrightStream,
  nodePop3,
  yapople,
  poplib,
  mailpop3,
];

export function contenderNamed(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name);
  if (found === undefined) throw new RangeError(`unknown client: ${name}`);
  return found;
}
