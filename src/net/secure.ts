// Starts TLS, on a connected stream or with a connection of its own, and checks the server's certificate.
import * as net from "node:net";
import type { Duplex } from "node:stream";
import type * as tls from "node:tls";
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { errorFrom, foreignError, isPromise, messageOf } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { authority } from "./authority.ts";
import { settle } from "./settle.ts";
import { sharedContext } from "./tls-contexts.ts";
import { tlsFingerprint } from "./tls-fingerprint.ts";
import {
  rememberedSession,
  rememberSessions,
  sessionRefused,
  type Accepted,
  type IdentityCheck,
  type Remembered,
} from "./tls-sessions.ts";
import { isRecorded, record } from "./wire-log.ts";

export interface TlsSettings {
  /** The host name that the certificate must be valid for. */
  readonly host: string;
  readonly port: number;
  /** Options for `tls.connect`. Equal options with the same server resume the previous TLS session. */
  readonly tls: tls.ConnectionOptions;
  /** The timeout of the handshake in milliseconds. */
  readonly timeout: number;
  /** The option that sets the timeout. @default "timeouts.tls" */
  readonly limit?: string;
  /** Whether the connection to a mail server begins with TLS: then its port may be one that does not. @default false */
  readonly isFirst?: boolean;
  /** Names the other end in errors. @default the host and the port */
  readonly peer?: string;
  /** What no error may show. */
  readonly secrets?: Secrets | undefined;
}

/** What TLS runs over: a connected stream, or a TCP connection that Node opens first. */
export type Carrier = { readonly socket: Duplex } | net.SocketConnectOpts;

/** Options of the connection, which `tls.connect` takes as well: ours count, and not those among the TLS options. */
const NOT_OF_TLS = {
  socket: undefined,
  path: undefined,
  timeout: undefined,
  localAddress: undefined,
  localPort: undefined,
  family: undefined,
  hints: undefined,
  lookup: undefined,
};

/**
 * Starts TLS on a stream. Rejects with `POP3_TLS_CERT`, `POP3_TLS_HANDSHAKE`, `POP3_TLS_TIMEOUT` or
 * `POP3_ABORTED`, and with `POP3_CONFIG` if Node rejects the options. In each case it closes the stream.
 */
export function secure(stream: Duplex, settings: TlsSettings, signal?: AbortSignal): Promise<tls.TLSSocket> {
  return new Handshake(settings).complete(stream, signal);
}

/** One handshake with a server. Its socket may exist before: while it connects, errors are not those of TLS. */
export class Handshake {
  readonly #settings: TlsSettings;
  readonly #peer: string;
  /** The name or address that the certificate must be valid for. */
  readonly #name: string;
  readonly #servername: string;
  /** The caller's options, without undefined values, which would replace the defaults of Node. */
  readonly #given: tls.ConnectionOptions;
  readonly #identity: Identity;
  /** Identifies the server and the options, for sessions. */
  #key = "";
  /** The session that the handshake tries to resume. */
  #tried: Remembered | undefined;
  #socket: tls.TLSSocket | undefined;

  constructor(settings: TlsSettings) {
    const { host, peer = authority(settings) } = settings;
    this.#settings = settings;
    this.#peer = printable(peer);
    this.#given = Object.fromEntries(Object.entries(settings.tls).filter(([, value]) => value !== undefined));
    // An IP address is not a server name (RFC 6066 section 3). Node compares it as an address.
    this.#servername = this.#given.servername ?? (net.isIP(host) === 0 ? host : "");
    this.#name = this.#servername || host;
    this.#identity = new Identity(this.#given.checkServerIdentity);
  }

  /** Creates the socket, which begins to connect. Throws `POP3_CONFIG` if Node rejects the options. */
  connect(carrier: Carrier): tls.TLSSocket {
    const { host, port, secrets } = this.#settings;
    const given = this.#given;
    const { session } = given;
    const servername: unknown = this.#servername;
    try {
      const fingerprint = tlsFingerprint(given);
      this.#key = JSON.stringify([host, port, servername, fingerprint]);
      // The caller may give a session. We cannot know how that was verified.
      this.#tried =
        session === undefined
          ? rememberedSession(this.#key, (shown) => this.#identity.check(this.#name, shown) === undefined)
          : undefined;
      // Node would notice these when the connection is already being opened, and leave it open.
      if (typeof servername !== "string") throw new TypeError("servername must be a string");
      if (session !== undefined && !ArrayBuffer.isView(session))
        throw new TypeError("session must be a Buffer");
      // Loaded at the first connection, because it takes as long to load as this whole package.
      this.#socket = process.getBuiltinModule("node:tls").connect({
        secureContext: sharedContext(fingerprint, given),
        // Not by setSession() later, which Node forgets when it tries the next address.
        session: this.#tried?.session,
        ...given,
        // Without a value, a variable of the environment, NODE_TLS_REJECT_UNAUTHORIZED, decides.
        rejectUnauthorized: given.rejectUnauthorized ?? true,
        ...NOT_OF_TLS,
        servername,
        host,
        checkServerIdentity: (name, shown) => this.#identity.check(name, shown),
        ...carrier,
      });
    } catch (cause) {
      throw new Pop3Error(
        "POP3_CONFIG",
        `the TLS options are invalid: ${printable(messageOf(cause), secrets)}`,
        { cause: foreignError(cause, secrets) },
      );
    }
    this.#socket.on("error", ignore);
    return this.#socket;
  }

  /**
   * Completes the handshake on a connected stream, or on the socket of {@link connect} when it is connected.
   * Rejects as {@link secure} does, and closes the stream then.
   */
  complete(stream: Duplex, signal?: AbortSignal): Promise<tls.TLSSocket> {
    const { port, isFirst = false, timeout, limit = "timeouts.tls" } = this.#settings;
    const hint = port === 110 && isFirst ? " (port 110 begins without TLS: set secure to false)" : "";
    const late = (): Pop3Error =>
      new Pop3ConnectionError(
        "POP3_TLS_TIMEOUT",
        `the TLS handshake with ${this.#peer} took longer than ${String(timeout)} ms (${printable(limit)})${hint}`,
        { limit },
      );
    // An abort before the handshake must also close the connection.
    if (signal?.aborted === true) stream.destroy();
    return settle<tls.TLSSocket>(signal, { timeout, late }, (resolve, reject) => {
      const fail = (cause: Error): void => {
        const error = tlsError(this.#settings, cause, cause === this.#identity.refusal);
        if (this.#tried !== undefined && error.code === "POP3_TLS_HANDSHAKE")
          sessionRefused(this.#key, error);
        reject(error);
      };
      const onClose = (): void => {
        fail(new Error("the server closed the connection during the handshake"));
      };
      let socket: tls.TLSSocket;
      try {
        // The underlying stream may fail too, at the same time or later: it must always have an error listener.
        socket = this.#socket ?? this.connect({ socket: stream.on("error", ignore) });
      } catch (error) {
        reject(error as Pop3Error);
        return () => stream.destroy();
      }
      stream.on("error", fail);
      // Not before it is connected: Node asks for sessions once, and forgets that when it tries another address.
      if (this.#given.session === undefined)
        rememberSessions(socket, this.#key, this.#tried, () => this.#identity.accepted);
      socket.on("error", fail).once("close", onClose);
      socket.once("secureConnect", () => {
        socket.off("close", onClose).off("error", fail);
        stream.off("error", fail);
        if (isRecorded()) record({ step: "secured" });
        resolve(socket);
      });
      // It may have failed between the connection and this call.
      if (socket.destroyed && socket === stream)
        fail(socket.errored ?? new Error("the connection was closed"));
      return () => {
        socket.destroy();
        stream.destroy();
      };
    });
  }
}

function ignore(): void {
  // The failure was reported already.
}

/** Asks the caller's `checkServerIdentity`, or that of Node, and keeps what it was asked and what it answered. */
class Identity {
  /** The certificate that was accepted. */
  #shown: tls.PeerCertificate | undefined;
  /** The error with which the certificate was refused. */
  refusal: Error | undefined;
  readonly #given: IdentityCheck | undefined;

  constructor(given: IdentityCheck | undefined) {
    this.#given = given;
  }

  /** What was accepted. It is given away: a certificate with its chain takes several kilobytes. */
  get accepted(): Accepted {
    const certificate = this.#shown;
    this.#shown = undefined;
    return { certificate, byCaller: this.#given !== undefined };
  }

  check(name: string, shown: tls.PeerCertificate): Error | undefined {
    const check = this.#given ?? process.getBuiltinModule("node:tls").checkServerIdentity;
    try {
      // Node takes any value that is not falsy for a refusal, but expects an error.
      const refusal: unknown = check(name, shown);
      if (isPromise(refusal, ignore))
        throw new TypeError("checkServerIdentity must decide at once, but it has returned a promise");
      this.refusal = Boolean(refusal) ? errorFrom(refusal) : undefined;
    } catch (error) {
      // In the handshake, nothing else would catch it.
      this.refusal = errorFrom(error);
    }
    this.#shown = this.refusal === undefined ? shown : undefined;
    return this.refusal;
  }
}

function tlsError(
  settings: TlsSettings,
  error: NodeJS.ErrnoException,
  isIdentity: boolean,
): Pop3ConnectionError {
  const { peer = authority(settings), secrets } = settings;
  const code = error.code ?? "";
  const cause = foreignError(error, secrets);
  if (isIdentity || CERTIFICATE_CODE.test(code)) {
    return new Pop3ConnectionError(
      "POP3_TLS_CERT",
      `the certificate of ${printable(peer)} is not valid: ${printable(error.message, secrets)}${UNKNOWN_AUTHORITY.test(code) ? TRUST : ""}`,
      { cause },
    );
  }
  const hint = NOT_TLS.test(code) ? ` (${withoutTls(settings)})` : "";
  return new Pop3ConnectionError(
    "POP3_TLS_HANDSHAKE",
    `the TLS handshake with ${printable(peer)} failed: ${printable(words(error), secrets)}${hint}`,
    { cause },
  );
}

/** OpenSSL's words for an answer that is not TLS. */
const NOT_TLS = /^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/;

/** What it means that the other end has answered without TLS, and what to do. */
function withoutTls({ isFirst = false, peer }: TlsSettings): string {
  if (isFirst) return "the server does not use TLS on this port; it may expect STLS: set secure to false";
  if (peer !== undefined)
    return "the proxy does not use TLS on this port: its URL may have to begin with http://";
  return "the server did not begin TLS after its reply to STLS";
}

/** OpenSSL's reason, if Node has it without the position in OpenSSL's source. */
function words(cause: Error & { readonly reason?: unknown }): string {
  return typeof cause.reason === "string" ? cause.reason : cause.message;
}

const UNKNOWN_AUTHORITY =
  /^(?:DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY_LEAF)/;
const TRUST = " (if you trust its authority, give the certificate of that authority as tls.ca)";

// Node names certificate failures after OpenSSL's X509_V_ERR_*, without a common prefix.
const CERTIFICATE_CODE =
  /^(?:CERT_|CRL_|UNABLE_TO_|ERROR_IN_CERT_|ERROR_IN_CRL_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME)/;
