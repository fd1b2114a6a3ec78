// The process that is flooded: a client and nothing else, so that its memory is that of the client.
import { Pop3Client, Pop3Error, type Pop3ClientOptions } from "popwright";
import { FLOODS, type Flood } from "./floods.ts";

/** Between two looks at the memory; milliseconds. */
const LOOK = 5;

interface Order {
  readonly name: string;
  readonly options: Pop3ClientOptions;
}

export interface Grown {
  readonly outcome: string;
  /** What the process (RSS) had before, some of it garbage of its start that is used again; octets. */
  readonly before: number;
  /** How far its memory grew; octets. */
  readonly octets: number;
}

/** Carries out the order that the parent gives, tells it what came of it, and ends. */
export function serveOrder(): void {
  process.once("message", (order: Order) => {
    const flood = FLOODS.find(({ name }) => name === order.name);
    if (flood === undefined) throw new Error(`there is no flood ${order.name}`);
    void meet(flood, order.options).then((grown) => {
      process.send?.(grown);
      process.disconnect();
    });
  });
}

async function meet(flood: Flood, options: Pop3ClientOptions): Promise<Grown> {
  const client = new Pop3Client(options);
  const early = flood.call === undefined;
  if (!early) await client.connect();
  global.gc?.();
  const before = process.memoryUsage.rss();
  const highest = peak();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), LOOK);
  const outcome = await outcomeOf(early ? client.connect() : flood.call(client));
  clearInterval(timer);
  client.close();
  most = Math.max(most, process.memoryUsage.rss());
  // The system knows the moment between two looks, unless it was higher when the process began.
  return { outcome, before, octets: (peak() > highest ? peak() : most) - before };
}

/** The most memory that the process ever had; octets. */
function peak(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** What a call gives, or the code of its error. */
async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    const value = await call;
    return typeof value === "string" ? value : "resolved";
  } catch (error) {
    if (!Pop3Error.is(error)) throw error;
    return error.code;
  }
}
