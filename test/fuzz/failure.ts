// An input that breaks a target, and the shortest one that breaks it in the same way.
import type { TargetModule } from "./target.ts";

export interface Failure {
  readonly data: Buffer;
  readonly error: Error;
}

/** Resolves with what is wrong with an input; `undefined`: nothing. */
export async function failureOf(
  { fuzz }: Pick<TargetModule, "fuzz">,
  data: Buffer,
): Promise<Failure | undefined> {
  try {
    // A copy: a parser may decode in place.
    const pending = fuzz(Buffer.from(data));
    // Nearly all targets return nothing, and then no turn is needed.
    if (pending !== undefined) await pending;
    return undefined;
  } catch (error) {
    return { data, error: error instanceof Error ? error : new Error(String(error), { cause: error }) };
  }
}

/** The most inputs that are tried to find a shorter one. */
const TRIES = 4000;

/** Leaves out parts of the input, and puts `a` in place of octets, as long as it fails in the same way. */
export async function minimised(target: Pick<TargetModule, "fuzz">, failure: Failure): Promise<Failure> {
  let best = failure;
  let tries = 0;
  const better = async (data: Buffer): Promise<boolean> => {
    if (tries++ >= TRIES) return false;
    const found = await failureOf(target, data);
    if (found === undefined || kindOf(found) !== kindOf(failure)) return false;
    best = found;
    return true;
  };
  for (let size = Math.ceil(best.data.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.data.length;) {
      const { data } = best;
      if (!(await better(Buffer.concat([data.subarray(0, at), data.subarray(at + size)])))) at += size;
    }
  }
  for (let at = 0; at < best.data.length; at++) {
    if (best.data[at] === 0x61) continue;
    const data = Buffer.from(best.data);
    data[at] = 0x61;
    await better(data);
  }
  return best;
}

/** What went wrong, without the values: the words of its message up to the first colon. */
function kindOf({ error }: Failure): string {
  return `${error.name}: ${error.message.replace(/\d+/g, "N").split(":", 1)[0] ?? ""}`;
}
