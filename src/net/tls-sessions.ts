// Remembers TLS sessions for resumption: the next handshake with the same server needs a fraction of the
// time, and with TLS 1.2 one round trip less.
//
// The server does not show its certificate again when a session is resumed, so a resumed session must not be
// checked less than a new one. A session is only used again with the same host, port and server name, with
// options of equal values, as long as its certificates are valid, at most for a day, and if
// `checkServerIdentity` accepts the certificate again.
import type { ConnectionOptions, PeerCertificate, TLSSocket } from "node:tls";
import { wallTime } from "../system/clock.ts";

/** The number of sessions to remember: a session takes a few KiB. */
const MOST_SESSIONS = 1024;
/** How long a verified certificate counts, in milliseconds: it may have been revoked meanwhile. */
const LONGEST = 24 * 60 * 60 * 1000;

/** The function of the options that decides whether a certificate is for a host. */
export type IdentityCheck = NonNullable<ConnectionOptions["checkServerIdentity"]>;

/** When and with what the server was verified. */
interface Verification {
  /** The server's certificate (DER). */
  readonly certificate: Buffer;
  /** The certificate as `checkServerIdentity` of the caller got it; `undefined` without such a function. */
  readonly shown: PeerCertificate | undefined;
  /** The session is not used before and after these times: milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
}

export interface Remembered extends Verification {
  readonly session: Buffer;
}

/** The newest last. `refused`: the server refused a session, so none is stored. */
const sessions = new Map<string, Remembered | "refused">();

/** The errors of handshakes that tried to resume a session. */
const refusals = new WeakSet<Error>();

/** The server's certificate (DER), from this connection or from the one whose session was resumed. */
const certificates = new WeakMap<TLSSocket, Buffer>();

export function certificateOf(socket: TLSSocket): Buffer | undefined {
  return certificates.get(socket);
}

/**
 * Returns the last session for a key, if it may be resumed. The key has the host, the port, the server name and
 * the fingerprint of the options. `accepts`: asks the identity check of the caller again.
 */
export function rememberedSession(
  key: string,
  accepts: (certificate: PeerCertificate) => boolean = () => true,
): Remembered | undefined {
  const remembered = sessions.get(key);
  if (remembered === undefined || remembered === "refused") return undefined;
  const { shown, from, until } = remembered;
  const now = wallTime();
  if (now >= from && now < until && (shown === undefined || accepts(shown))) return remembered;
  sessions.delete(key);
  return undefined;
}

/** The certificate that the identity check of a handshake has accepted. */
export interface Accepted {
  /** `undefined` if none was checked, as in a resumed session. */
  readonly certificate: PeerCertificate | undefined;
  /** Whether the check is one of the caller, which is asked again before a session is resumed. */
  readonly byCaller: boolean;
}

/**
 * Stores the sessions that the server sends. With TLS 1.3 they arrive some time after the handshake. `tried`:
 * the session that the handshake tries to resume. `accepted`: called when the handshake is complete.
 */
export function rememberSessions(
  socket: TLSSocket,
  key: string,
  tried: Remembered | undefined,
  accepted: () => Accepted = () => ({ certificate: undefined, byCaller: false }),
): void {
  let verification: Verification | undefined;
  const verified = (): Verification | undefined => {
    verification ??=
      tried !== undefined && socket.isSessionReused() ? tried : verificationOf(socket, accepted());
    if (verification !== undefined) certificates.set(socket, verification.certificate);
    return verification;
  };
  socket.once("secureConnect", verified);
  socket.on("session", (session: Buffer) => {
    // A resumed session counts as verified, so an unverified one must not be stored.
    const proof = socket.authorized ? verified() : undefined;
    if (proof === undefined || sessions.get(key) === "refused") return;
    const { certificate, from, until } = proof;
    store(key, { session, certificate, shown: proof.shown, from, until });
  });
}

/**
 * Reads the certificate, unless the identity check got it: Node takes a tenth of a poll's time to parse it once
 * more. Not with getPeerX509Certificate: some versions of Node lose the certificate after it.
 */
function verificationOf(socket: TLSSocket, { certificate, byCaller }: Accepted): Verification | undefined {
  const shown = byCaller ? certificate : undefined;
  const peer = certificate ?? shownBy(socket) ?? {};
  const { raw } = peer;
  if (raw === undefined) return undefined;
  const from = wallTime();
  return {
    // Deno returns a Uint8Array.
    certificate: Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength),
    shown,
    from,
    until: Math.min(from + LONGEST, ...endsOf(peer as ChainCertificate)),
  };
}

/** A closed socket has no certificate. Deno may emit the events of a socket after it was closed. */
function shownBy(socket: TLSSocket): Partial<PeerCertificate> | null {
  return socket.getPeerCertificate(true);
}

type ChainCertificate = PeerCertificate & { readonly issuerCertificate?: ChainCertificate | null };

/** Returns when each certificate of the chain ends. One whose end cannot be read has ended. */
function endsOf(first: ChainCertificate): readonly number[] {
  const chain = new Set<ChainCertificate>();
  let each: ChainCertificate | null | undefined = first;
  // The root names itself as its issuer.
  for (; each !== null && each !== undefined && !chain.has(each); each = each.issuerCertificate)
    chain.add(each);
  return [...chain].map(({ valid_to }) => Date.parse(valid_to) || 0);
}

/**
 * Stops session resumption for a key, because a handshake that tried it failed with `error`. OpenSSL aborts the
 * handshake if the server requests client certificates and has not set a session id context, such as Dovecot
 * 2.3.
 */
export function sessionRefused(key: string, error: Error): void {
  store(key, "refused");
  refusals.add(error);
}

/** Tests whether a handshake that failed with `error` may succeed without the session. */
export function isSessionRefusal(error: unknown): boolean {
  return error instanceof Error && refusals.has(error);
}

/** Stores an entry as the newest, and removes the eldest beyond the limit. */
function store(key: string, entry: Remembered | "refused"): void {
  sessions.delete(key);
  sessions.set(key, entry);
  for (const eldest of sessions.keys()) {
    if (sessions.size <= MOST_SESSIONS) break;
    sessions.delete(eldest);
  }
}
