// `src/fetch/destinations/imap/imap-session.ts` for simulated processes: the folder survives every crash. A process can be
// killed after each command, before it knows the answer.
import { canonicalOf, type Canonical } from "../../src/fetch/destinations/imap/canonical.ts";
import type { ImapSettings } from "../../src/fetch/destinations/imap/imap-options.ts";
import type { Position } from "../../src/fetch/destinations/imap/imap-session.ts";
import { machine } from "./machine.ts";
import { messagesOfPeer, takeAtPeer } from "./peer.ts";

const VALIDITY = "1";

/** This user has a server without UIDPLUS: it does not say which UID a message got. */
export const WITHOUT_UIDPLUS = "bea";

export class ImapSession {
  readonly isUsable = true;
  readonly #saysUid: boolean;

  private constructor({ user }: ImapSettings) {
    this.#saysUid = user !== WITHOUT_UIDPLUS;
  }

  static open(settings: ImapSettings): Promise<ImapSession> {
    return machine().operate(() => new ImapSession(settings));
  }

  keepAlive(): void {
    // There is no connection.
  }

  answers(): Promise<boolean> {
    return Promise.resolve(true);
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  ensureFolder(): Promise<boolean> {
    return Promise.resolve(false);
  }

  position(): Promise<Position> {
    return machine().operate(() => ({ validity: VALIDITY, next: nextUid() }));
  }

  append(octets: Buffer): Promise<{ readonly uid?: number; readonly validity?: string }> {
    return machine().operate(() => {
      const uid = nextUid();
      takeAtPeer(machine().disk, String(uid), octets);
      return this.#saysUid ? { uid, validity: VALIDITY } : {};
    });
  }

  find(
    { digest }: Canonical,
    from: number,
    claimed: ReadonlySet<number>,
    seen: (uid: number) => void,
  ): Promise<number[]> {
    return machine().operate(() => {
      const equal: number[] = [];
      for (const [name, octets] of messagesOfPeer(machine().disk)) {
        const uid = Number(name);
        if (uid < from) continue;
        seen(uid);
        if (!claimed.has(uid) && canonicalOf(octets).digest === digest) equal.push(uid);
      }
      return equal;
    });
  }

  quota(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

function nextUid(): number {
  return messagesOfPeer(machine().disk).size + 1;
}
