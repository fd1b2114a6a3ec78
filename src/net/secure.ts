// Starts TLS on a connected stream, and checks the server's certificate.
import * as net from "node:net";
import type { Duplex } from "node:stream";
import type * as tls from "node:tls";
import { Pop3ConnectionError, Pop3Error } from "../errors.ts";
import { foreignError } from "../protocol/foreign-error.ts";
import { printable } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { settle } from "./settle.ts";
import { rememberedSession, rememberSessions, sessionRefused } from "./tls-sessions.ts";

export interface TlsSettings {
  /** The host name that the certificate must be valid for. */
  readonly host: string;
  readonly port: number;
  /** Options for `tls.connect`. The same object with the same server resumes the previous TLS session. */
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
  const { host, timeout, limit = "timeouts.tls", peer = host, secrets } = settings;
  // An IP address is not a server name (RFC 6066 section 3). Node compares it as an address.
  const servername = settings.tls.servername ?? (net.isIP(host) === 0 ? host : "");
  const server = `${host} ${String(settings.port)} ${servername}`;
  const late = (): Pop3Error =>
    new Pop3ConnectionError(
      "POP3_TLS_TIMEOUT",
      `the TLS handshake with ${peer} took longer than ${String(timeout)} ms (${limit})`,
      { limit },
    );
  // An abort before the handshake must also close the connection.
  if (signal?.aborted === true) stream.destroy();
  return settle<tls.TLSSocket>(signal, { timeout, late }, (resolve, reject) => {
    const session = rememberedSession(settings.tls, server);
    let secured = false;
    const fail = (cause: Error): void => {
      if (secured) return;
      const error = tlsError(peer, cause, secrets);
      if (session !== undefined && error.code === "POP3_TLS_HANDSHAKE")
        sessionRefused(settings.tls, server, error);
      reject(error);
    };
    // The underlying stream may fail too, at the same time or later: it must always have an error listener.
    stream.on("error", fail);
    let socket: tls.TLSSocket;
    try {
      // Loaded at the first connection, because it takes as long to load as this whole package.
      socket = process.getBuiltinModule("node:tls").connect({
        session,
        ...settings.tls,
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
    rememberSessions(socket, settings.tls, server);
    socket.on("error", fail);
    const onClose = (): void => {
      fail(new Error("the server closed the connection during the handshake"));
    };
    socket.once("close", onClose);
    socket.once("secureConnect", () => {
      socket.off("close", onClose);
      secured = true;
      resolve(socket);
    });
    return () => {
      socket.destroy();
      stream.destroy();
    };
  });
}

function tlsError(peer: string, error: NodeJS.ErrnoException, secrets?: Secrets): Pop3ConnectionError {
  const code = error.code ?? "";
  const cause = foreignError(error, secrets);
  if (CERTIFICATE_CODE.test(code)) {
    return new Pop3ConnectionError(
      "POP3_TLS_CERT",
      `the certificate of ${peer} is not valid: ${printable(error.message, secrets)}`,
      { cause },
    );
  }
  const hint =
    code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG"
      ? " (the server does not use TLS on this port; it may expect STLS)"
      : "";
  return new Pop3ConnectionError(
    "POP3_TLS_HANDSHAKE",
    `the TLS handshake with ${peer} failed: ${printable(words(error), secrets)}${hint}`,
    {
      cause,
    },
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
