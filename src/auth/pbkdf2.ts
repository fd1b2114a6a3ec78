// PBKDF2 (RFC 8018 section 5.2) beside the main thread, and never on so many threads that nothing else gets one.
import { Pop3Error } from "../errors.ts";
import { crypto } from "./crypto.ts";

export type Digest = "sha1" | "sha256" | "sha512";

/** The octets that each digest gives. */
const LENGTHS: Readonly<Record<Digest, number>> = { sha1: 20, sha256: 32, sha512: 64 };

/**
 * Node has four threads for all such work, and 100,000 iterations keep one of them for a tenth of a second and
 * more. A hundred logins at once would hold up every `dns.lookup` and every file in the process until they are
 * done; two at a time leave half of the threads to others.
 */
const AT_ONCE = 2;

let running = 0;
/** Those who wait for a turn, in order. */
const waiting: (() => void)[] = [];

/** As long as the digest. Rejects with `POP3_NOT_SUPPORTED` where Node's OpenSSL refuses: in FIPS mode, say. */
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
    throw new Pop3Error("POP3_NOT_SUPPORTED", `PBKDF2 with ${digest} fails here`, { cause });
  } finally {
    // The turn goes from hand to hand: nobody who comes now gets in before those who wait.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
}
