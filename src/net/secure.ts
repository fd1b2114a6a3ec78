// Starts TLS on a connected stream, and checks the server's certificate.
import * as net from "node:net";
import type { Duplex } from "node:stream";
import type * as tls from "node:tls";
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { foreignError } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { settle } from "./settle.ts";
import { tlsFingerprint } from "./tls-fingerprint.ts";
import {
  rememberedSession,
  rememberSessions,
  sessionRefused,
  sharedContext,
  type IdentityCheck,
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
  /** Names the other end in errors. @default the host */
  readonly peer?: string;
  /** What no error may show. */
  readonly secrets?: Secrets | undefined;
}

/**
 * Starts TLS on a stream. Rejects with `POP3_TLS_CERT`, `POP3_TLS_HANDSHAKE`, `POP3_TLS_TIMEOUT` or
 * `POP3_ABORTED`, and with `POP3_CONFIG` if Node rejects the options. In each case it closes the stream.
 */
export function secure(stream: Duplex, settings: TlsSettings, signal?: AbortSignal): Promise<tls.TLSSocket> {
  const { host, port, timeout, limit = "timeouts.tls", peer = host, secrets } = settings;
  // A copy without undefined values, which would replace the defaults of Node.
  const options: tls.ConnectionOptions = Object.fromEntries(
    Object.entries(settings.tls).filter(([, value]) => value !== undefined),
  );
  // An IP address is not a server name (RFC 6066 section 3). Node compares it as an address.
  const servername = options.servername ?? (net.isIP(host) === 0 ? host : "");
  const late = (): Pop3Error =>
    new Pop3ConnectionError(
      "POP3_TLS_TIMEOUT",
      `the TLS handshake with ${printable(peer)} took longer than ${String(timeout)} ms (${printable(limit)})`,
      { limit },
    );
  // An abort before the handshake must also close the connection.
  if (signal?.aborted === true) stream.destroy();
  return settle<tls.TLSSocket>(signal, { timeout, late }, (resolve, reject) => {
    const fingerprint = tlsFingerprint(options);
    const key = JSON.stringify([host, port, servername, fingerprint]);
    const identity = new Identity(options.checkServerIdentity);
    // The caller may give a session. We cannot know how that was verified.
    const tried =
      options.session === undefined
        ? rememberedSession(key, (shown) => identity.check(servername || host, shown) === undefined)
        : undefined;
    let secured = false;
    const fail = (cause: Error): void => {
      if (secured) return;
      const error = tlsError(peer, cause, cause === identity.refusal, secrets);
      if (tried !== undefined && error.code === "POP3_TLS_HANDSHAKE") sessionRefused(key, error);
      reject(error);
    };
    // The underlying stream may fail too, at the same time or later: it must always have an error listener.
    stream.on("error", fail);
    let socket: tls.TLSSocket;
    try {
      // Loaded at the first connection, because it takes as long to load as this whole package.
      socket = process.getBuiltinModule("node:tls").connect({
        secureContext: sharedContext(fingerprint, options),
        session: tried?.session,
        ...options,
        ...identity.option,
        servername,
        host,
        socket: stream,
      });
    } catch (cause) {
      reject(
        new Pop3Error("POP3_CONFIG", `the TLS options are invalid: ${printable(reason(cause), secrets)}`, {
          cause: foreignError(cause, secrets),
        }),
      );
      return () => stream.destroy();
    }
    if (options.session === undefined) rememberSessions(socket, key, tried, () => identity.shown);
    socket.on("error", fail);
    const onClose = (): void => {
      fail(new Error("the server closed the connection during the handshake"));
    };
    socket.once("close", onClose);
    socket.once("secureConnect", () => {
      socket.off("close", onClose);
      secured = true;
      if (isRecorded()) record({ step: "secured" });
      resolve(socket);
    });
    return () => {
      socket.destroy();
      stream.destroy();
    };
  });
}

/** Asks the caller's `checkServerIdentity`, and keeps what it was asked and what it answered. */
class Identity {
  /** The certificate that was accepted. */
  shown: tls.PeerCertificate | undefined;
  /** The error with which the caller refused the certificate. */
  refusal: Error | undefined;
  readonly #given: IdentityCheck | undefined;

  constructor(given: IdentityCheck | undefined) {
    this.#given = given;
  }

  /** The option for `tls.connect`. */
  get option(): { readonly checkServerIdentity?: IdentityCheck } {
    return this.#given === undefined ? {} : { checkServerIdentity: (name, shown) => this.check(name, shown) };
  }

  check(name: string, shown: tls.PeerCertificate): Error | undefined {
    try {
      this.refusal = this.#given?.(name, shown);
    } catch (error) {
      // In the handshake, nothing else would catch it.
      this.refusal = error instanceof Error ? error : new Error(printable(String(error)));
    }
    this.shown = this.refusal === undefined ? shown : undefined;
    return this.refusal;
  }
}

function tlsError(
  peer: string,
  error: NodeJS.ErrnoException,
  isIdentity: boolean,
  secrets?: Secrets,
): Pop3ConnectionError {
  const code = error.code ?? "";
  const cause = foreignError(error, secrets);
  if (isIdentity || CERTIFICATE_CODE.test(code)) {
    return new Pop3ConnectionError(
      "POP3_TLS_CERT",
      `the certificate of ${printable(peer)} is not valid: ${printable(error.message, secrets)}`,
      { cause },
    );
  }
  const hint =
    code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG"
      ? " (the server does not use TLS on this port; it may expect STLS)"
      : "";
  return new Pop3ConnectionError(
    "POP3_TLS_HANDSHAKE",
    `the TLS handshake with ${printable(peer)} failed: ${printable(words(error), secrets)}${hint}`,
    { cause },
  );
}

/** OpenSSL's reason, if Node has it without the position in OpenSSL's source. */
function words(cause: Error & { readonly reason?: unknown }): string {
  return typeof cause.reason === "string" ? cause.reason : cause.message;
}

// Node names certificate failures after OpenSSL's X509_V_ERR_*, without a common prefix.
const CERTIFICATE_CODE =
  /^(?:CERT_|CRL_|UNABLE_TO_|ERROR_IN_CERT_|ERROR_IN_CRL_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERR_TLS_CERT_ALTNAME)/;

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
