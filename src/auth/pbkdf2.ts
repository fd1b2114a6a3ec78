// PBKDF2 (RFC 8018 section 5.2) in Node's thread pool, with a limit of two at a time, so that threads stay
// free.
import { Pop3Error } from "../errors.ts";
import { crypto } from "../system/crypto.ts";

export type Digest = "sha1" | "sha256" | "sha512";

/** The length of each digest in octets. */
const LENGTHS: Readonly<Record<Digest, number>> = { sha1: 20, sha256: 32, sha512: 64 };

/**
 * Node's thread pool has four threads by default, and 100,000 iterations keep one busy for 0.1 seconds or
 * more. A hundred logins at once would delay every `dns.lookup` and every file operation of the process. Two
 * at a time leave half of the threads to other work.
 */
const AT_ONCE = 2;

let running = 0;
/** The waiting calls, in order. */
const waiting: (() => void)[] = [];

/**
 * Derives a key with the length of the digest. Rejects with `POP3_NOT_SUPPORTED` if Node's OpenSSL refuses,
 * for example in FIPS mode.
 */
export async function pbkdf2(
  digest: Digest,
  password: string,
  salt: Buffer,
  iterations: number,
): Promise<Buffer> {
  if (running < AT_ONCE) running++;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await new Promise((resolve, reject) => {
      crypto().pbkdf2(password, salt, iterations, LENGTHS[digest], digest, (error, key) => {
        if (error === null) resolve(key);
        else reject(error);
      });
    });
  } catch (cause) {
    throw new Pop3Error("POP3_NOT_SUPPORTED", `OpenSSL refuses PBKDF2 with ${digest}`, { cause });
  } finally {
    // Pass the slot directly to the oldest waiting call, so that a new call cannot overtake it.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}
