// Logs in: chooses one method from the options and from what the server offers, resolves the secret, and proves
// the identity. The secret is a value, or a function that is called just before use.
import type { TLSSocket } from "node:tls";
import { apopDigest } from "../auth/apop.ts";
import { chooseMethod, secretOf, type Method } from "../auth/choice.ts";
import type { ChannelBindingType, Credentials, SaslContext } from "../auth/mechanism.ts";
import { Pop3Error, Pop3ReplyError } from "../errors.ts";
import { bindingTypesOf, channelBinding } from "../net/channel-binding.ts";
import type { Connection } from "../net/connection.ts";
import { untilAborted } from "../net/settle.ts";
import { DEFAULT_SCRAM, secretKind, wishedMechanisms, type Pop3Auth } from "../options/auth.ts";
import { withDefaults } from "../options/checks.ts";
import type { Settings } from "../options/client.ts";
import type { Capabilities } from "../protocol/capabilities.ts";
import * as commands from "../protocol/commands.ts";
import { printable } from "../protocol/printable.ts";
import type { Secrets } from "../protocol/secrets.ts";
import { LoginLine } from "./login-line.ts";
import { converse } from "./sasl.ts";

/** The session in which the login takes place. */
export interface LoginSession {
  readonly settings: Settings;
  readonly connection: Connection;
  /** The capabilities; `undefined` if the server does not support CAPA. */
  readonly capabilities: Capabilities | undefined;
  /** `undefined` without TLS. */
  readonly tlsSocket: TLSSocket | undefined;
  /** The text of the greeting. */
  readonly greeting: string;
  /** The timestamp in the greeting, if APOP may use it. */
  readonly timestamp: string | undefined;
  /** Masked in errors and logs. The secrets of the login are added before anything is sent. */
  readonly secrets: Secrets;
  /** The signal of the caller. It is also aborted when the session is closed. */
  readonly signal: AbortSignal;
}

/**
 * Logs in. Resolves with the method when the server has accepted the login: the name of a mechanism, `APOP` or `USER`.
 * Rejects as `chooseMethod` throws, with the refusal
 * of the server, or with the error that stopped the login. If the server rejects a token, asks the token
 * function once for a new one.
 */
export async function logIn(auth: Pop3Auth, session: LoginSession): Promise<string> {
  const { connection, signal } = session;
  const sasl = saslContext(auth, session);
  const method = choose(auth, session, sasl);
  const kind = secretOf(method);
  const credentials: Credentials = {
    user: auth.user ?? "",
    pass: kind === "password" ? await resolveSecret("password", auth.pass, signal) : "",
    accessToken: kind === "token" ? await resolveSecret("access token", auth.accessToken, signal) : "",
    authzid: auth.authzid ?? "",
    encode: await encoderOf(auth.charset),
  };
  const prove = (using: Credentials): Promise<void> => proveIdentity(method, using, auth, session, sasl);
  try {
    await prove(credentials);
  } catch (refusal) {
    const give = auth.accessToken;
    const lost = (): boolean => connection.failure !== undefined;
    if (kind !== "token" || typeof give !== "function" || !isRejection(refusal) || lost()) throw refusal;
    // The token may have just expired. Ask once for another, and pass on what the server said about this.
    const fresh = await resolveSecret("access token", () => give(refusal.oauth ?? {}), signal).catch(
      (error: unknown) => {
        // Many servers close the connection after a refusal. Then the refusal explains more.
        throw connection.closedByPeer ? refusal : error;
      },
    );
    if (fresh === credentials.accessToken || lost()) throw refusal;
    await prove({ ...credentials, accessToken: fresh });
  }
  return typeof method === "string" ? method : method.name;
}

function choose(auth: Pop3Auth, session: LoginSession, sasl: SaslContext): Method {
  const { settings, capabilities, secrets } = session;
  const mechanisms = wishedMechanisms(auth);
  // Not every login can be sent with APOP. Then it is only an error if the caller demands APOP.
  const timestamp = session.timestamp !== undefined && (mechanisms.length > 0 || fitsApop(auth));
  return chooseMethod(
    {
      capabilities,
      secure: sasl.secure,
      secrets,
      timestamp,
      get bindable() {
        return sasl.bindingTypes.some((type) => sasl.channelBinding(type) !== undefined);
      },
    },
    {
      mechanisms,
      secret: secretKind(auth),
      authzid: (auth.authzid ?? "") !== "",
      allowPlaintext: settings.allowPlaintextAuth,
      force: auth.force ?? false,
      channelBinding: auth.channelBinding ?? "if-offered",
    },
  );
}

/** Whether APOP can express the login: a name without white space, and a secret in UTF-8. */
function fitsApop({ user = "", charset }: Pop3Auth): boolean {
  return charset === undefined && !/\s/.test(user);
}

/** Returns the facts about the connection that a SASL mechanism may use. Each binding is computed once. */
function saslContext(
  auth: Pop3Auth,
  { settings, capabilities, tlsSocket, secrets }: LoginSession,
): SaslContext {
  const bindable = auth.channelBinding === "never" ? undefined : tlsSocket;
  const bindings = new Map<ChannelBindingType, Buffer | undefined>();
  return {
    host: settings.host,
    port: settings.port,
    secure: tlsSocket !== undefined,
    offered: capabilities?.sasl ?? [],
    bindingTypes: bindable === undefined ? [] : (auth.bindingTypes ?? bindingTypesOf(bindable)),
    channelBinding(type) {
      if (bindable !== undefined && !bindings.has(type)) bindings.set(type, channelBinding(bindable, type));
      return bindings.get(type);
    },
    scram: withDefaults("auth.scram", DEFAULT_SCRAM, auth.scram),
    printable: (text) => printable(text, secrets),
  };
}

/** Returns whether the server rejected the credentials, and the refusal is not temporary. */
function isRejection(error: unknown): error is Pop3ReplyError {
  return error instanceof Pop3ReplyError && error.code === "POP3_AUTH_REJECTED";
}

/** Returns the given secret, or calls the given function for it. Stops waiting if `signal` is aborted. */
async function resolveSecret(what: string, given: unknown, signal: AbortSignal): Promise<string> {
  const secret = typeof given === "function" ? await untilAborted(signal, given as () => unknown) : given;
  if (typeof secret !== "string" || secret === "") {
    throw new Pop3Error("POP3_INVALID_ARGUMENT", `the ${what} must be a non-empty string`);
  }
  return secret;
}

async function proveIdentity(
  method: Method,
  credentials: Credentials,
  auth: Pop3Auth,
  { settings, connection, greeting, timestamp, secrets, signal }: LoginSession,
  sasl: SaslContext,
): Promise<void> {
  const { limits } = settings;
  const { user, pass, accessToken, encode } = credentials;
  for (const secret of [pass, accessToken]) {
    // Also as PLAIN would send it: a server may convert one login into the other.
    if (secret !== "") secrets.add(secret, encode(secret).toString("latin1"), inPlain(user, encode(secret)));
  }
  const line = new LoginLine(connection, limits, secrets, signal);
  if (method === "USER") {
    // Build both commands before sending: if the password cannot be sent, send nothing.
    const inCharset = auth.charset === undefined ? undefined : encode;
    const first = commands.user(user, limits, inCharset, secrets);
    const second = commands.pass(pass, limits, inCharset);
    await line.send(first);
    await line.sendProof(second);
  } else if (method === "APOP") {
    await line.sendProof(commands.apop(user, apopDigest(timestamp ?? "", pass), limits, secrets));
  } else {
    const exchange = await untilAborted(signal, () => method.start(credentials, sasl));
    const inline = auth.initialResponse ?? !takesTwoSteps(method.name, greeting, settings.host);
    await converse(method.name, exchange, inline, line);
  }
}

/** Returns the message of PLAIN (RFC 4616) in base64. */
function inPlain(user: string, secret: Buffer): string {
  return Buffer.concat([Buffer.from(`\0${user}\0`), secret]).toString("base64");
}

/** Exchange Online closes the connection if `AUTH XOAUTH2` has the token on the same line. */
function takesTwoSteps(mechanism: string, greeting: string, host: string): boolean {
  return (
    mechanism === "XOAUTH2" &&
    (/Microsoft Exchange/i.test(greeting) || /(?:^|\.)(?:office365|outlook)\.[a-z.]+$/i.test(host))
  );
}

type Encoder = Credentials["encode"];

const utf8: Encoder = (text) => {
  // A lone surrogate has no UTF-8 encoding: Node would send U+FFFD instead.
  if (/\p{Surrogate}/u.test(text))
    throw new Pop3Error(
      "POP3_INVALID_ARGUMENT",
      "the user name and the password must be well-formed Unicode: one has a lone surrogate",
    );
  return Buffer.from(text, "utf8");
};

/**
 * Returns an encoder for `charset`, a name of `iconv-lite`; `undefined`: UTF-8. Rejects with `POP3_CONFIG` if
 * the charset is unknown or not compatible with ASCII, which commands need. The encoder throws
 * `POP3_INVALID_ARGUMENT` for characters that the charset lacks: `iconv-lite` would replace them.
 */
async function encoderOf(charset: string | undefined): Promise<Encoder> {
  if (charset === undefined) return utf8;
  const { default: iconv } = await import("iconv-lite");
  const ascii = "USER ann";
  if (!iconv.encodingExists(charset) || iconv.encode(ascii, charset).toString("latin1") !== ascii) {
    throw new Pop3Error(
      "POP3_CONFIG",
      `auth.charset must be a charset of iconv-lite that is compatible with ASCII (got "${printable(charset)}")`,
    );
  }
  return (text) => {
    const octets = iconv.encode(text, charset);
    if (iconv.decode(octets, charset) !== text) {
      throw new Pop3Error(
        "POP3_INVALID_ARGUMENT",
        `the user name or the password has characters that ${printable(charset)} does not have`,
      );
    }
    return octets;
  };
}
