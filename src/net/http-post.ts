// Posts a body by HTTP to a server that the caller does not choose freely: it connects only to public addresses, unless
// private ones are allowed, and follows no redirect. The address that was checked is the one that is used.
import { lookup as systemLookup, type LookupAddress } from "node:dns";
import * as http from "node:http";
import * as https from "node:https";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { printable } from "../protocol/printable.ts";
import { careful } from "./dial.ts";
import { LONGEST_TIMER, settle, wholeTime } from "./settle.ts";

export interface HttpPosterOptions {
  /** How long the connection may be silent, in milliseconds. See {@link wholeTime} for the whole exchange. */
  readonly timeout: number;
  /** Resolves names. @default that of the system */
  readonly lookup: LookupFunction | undefined;
  /** Whether addresses of private networks are allowed. */
  readonly allowPrivate: boolean;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The beginning of the body. */
  readonly text: string;
}

/** How much of the reply is read; octets. */
const READ = 4096;

/** An address that must not be used. `address`: safe to print. */
export class PrivateAddressError extends Error {
  readonly address: string;

  constructor(address: string) {
    super(`the address ${address} belongs to a private network`);
    this.address = address;
  }
}

/** The connection was silent for too long, or the whole answer took too long. */
export class SilentError extends Error {}

/** Networks that are not public: RFC 6890, RFC 6598, and multicast. */
const PRIVATE = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
] as const)
  PRIVATE.addSubnet(network, bits, "ipv4");
for (const [network, bits] of [
  // Addresses of IPv4 within IPv6, but for those that count as IPv4 (::ffff:0:0/96).
  ["::", 96],
  ["::ffff:0:0:0", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["2001::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 9],
  ["ff00::", 8],
] as const)
  PRIVATE.addSubnet(network, bits, "ipv6");

/** Whether an address is not public. IPv4 within IPv6 counts as IPv4. */
export function isPrivate(address: string): boolean {
  const family = isIP(address);
  // An address with a zone is one of this machine's networks, and a BlockList does not take it.
  if (family === 0 || address.includes("%")) return true;
  return PRIVATE.check(address, family === 6 ? "ipv6" : "ipv4");
}

/** The connection was closed before it was used. */
class StaleError extends Error {}

/** Posts to one address. It keeps connections for the next request. */
export class HttpPoster {
  readonly #url: URL;
  readonly #options: HttpPosterOptions;
  readonly #agent: http.Agent;

  constructor(url: URL, options: HttpPosterOptions) {
    this.#url = url;
    this.#options = options;
    const { Agent } = url.protocol === "https:" ? https : http;
    this.#agent = new Agent({ keepAlive: true });
  }

  /** Asks what the server takes (RFC 9110 section 9.3.7), which changes nothing there. Rejects as {@link post} does. */
  ask(signal: AbortSignal | undefined): Promise<HttpReply> {
    return this.#send("OPTIONS", {}, Buffer.alloc(0), signal);
  }

  /**
   * Posts a body, and returns the reply. Rejects with {@link PrivateAddressError} before anything is sent, with
   * {@link SilentError}, with system errors, and with `POP3_ABORTED`.
   */
  post(
    headers: Readonly<Record<string, string>>,
    body: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<HttpReply> {
    return this.#send("POST", headers, body, signal);
  }

  async #send(
    method: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
    signal: AbortSignal | undefined,
  ): Promise<HttpReply> {
    // The lookup is not called for an address.
    const literal = this.#url.hostname.replace(/^\[|\]$/g, "");
    if (!this.#options.allowPrivate && isIP(literal) !== 0 && isPrivate(literal))
      throw new PrivateAddressError(printable(literal));
    for (;;) {
      try {
        return await settle<HttpReply>(signal, undefined, (resolve, reject) => {
          const request = this.#start(method, headers, body, resolve, reject);
          return () => {
            request.destroy();
          };
        });
      } catch (error) {
        // The server has closed a connection that was kept from an earlier request: it has not taken this one.
        if (!(error instanceof StaleError)) throw error;
      }
    }
  }

  #start(
    method: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
    resolve: (reply: HttpReply) => void,
    reject: (error: Error) => void,
  ): http.ClientRequest {
    const { request: start } = this.#url.protocol === "https:" ? https : http;
    const request = start(this.#url, {
      method,
      agent: this.#agent,
      headers: { ...headers, "content-length": body.length },
      lookup: checkedLookup(this.#options),
      timeout: Math.min(this.#options.timeout, LONGEST_TIMER),
    });
    let answer: http.IncomingMessage | undefined;
    const giveUp = (): void => {
      // With a reply, the request would fail, too.
      if (answer === undefined) request.destroy(new SilentError("there was no reply in time"));
      else answer.destroy();
    };
    request.on("timeout", giveUp);
    // The time-out of Node starts again with each byte.
    const whole = Math.min(wholeTime(this.#options.timeout, body.length), LONGEST_TIMER);
    const timer = setTimeout(giveUp, whole);
    request.on("close", () => {
      clearTimeout(timer);
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      reject(request.reusedSocket && error.code === "ECONNRESET" ? new StaleError() : error);
    });
    request.on("response", (response) => {
      answer = response;
      const pieces: Buffer[] = [];
      let octets = 0;
      // The status is the answer, even if the rest of the reply does not arrive.
      const finish = (): void => {
        const text = Buffer.concat(pieces).subarray(0, READ).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      };
      response.on("data", (piece: Buffer) => {
        octets += piece.length;
        pieces.push(piece);
        if (octets < READ) return;
        finish();
        response.destroy();
      });
      for (const event of ["end", "error", "close"]) response.on(event, finish);
    });
    request.end(body);
    return request;
  }
}

/** Resolves a name, and fails if one of its addresses is private. */
function checkedLookup({ lookup = systemLookup, allowPrivate }: HttpPosterOptions): LookupFunction {
  return (name, options, callback) => {
    careful(lookup)(name, options, (error, found, family) => {
      // A function of the caller may say `undefined` in place of `null`, and give anything.
      const failure = (error as Error | null | undefined) ?? wrongIn(found, allowPrivate);
      callback(failure ?? null, found, family);
    });
  };
}

function wrongIn(found: unknown, allowPrivate: boolean): Error | undefined {
  const list: readonly unknown[] = Array.isArray(found) ? found : [found];
  const addresses = list.map((each) =>
    typeof each === "string" ? each : (each as Partial<LookupAddress> | null | undefined)?.address,
  );
  if (addresses.length === 0 || !addresses.every((each) => typeof each === "string" && isIP(each) !== 0))
    return new Error("the lookup found no address");
  const wrong = allowPrivate ? undefined : (addresses as string[]).find(isPrivate);
  return wrong === undefined ? undefined : new PrivateAddressError(printable(wrong));
}
