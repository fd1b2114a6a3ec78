// `src/fetch/destinations/gmail/exchange.ts` for simulated processes: upload sessions and messages survive every crash. A
// process can be killed after each request, before it knows the reply. No message is recognised by its Message-ID.
import type { GmailReply, GmailRequest } from "../../src/fetch/destinations/gmail/exchange.ts";
import { DestinationError } from "../../src/fetch/destinations/destination-error.ts";
import type { Disk } from "./disk.ts";
import { machine } from "./machine.ts";
import { messagesOfPeer, takeAtPeer } from "./peer.ts";

export const GMAIL_ADDRESS = "ann@gmail.com";

/** No request of a simulated process is without a reply. */
export class NoReply extends DestinationError {}

/** The peer keeps sessions next to messages: a session has this name, and becomes a message when it accepts one. */
const SESSION = "session-";
const MESSAGE = "message-";

export function exchange(request: GmailRequest): Promise<GmailReply> {
  return machine().operate(() => replyTo(request, machine().disk));
}

/** The messages that Gmail has accepted. */
export function messagesInGmail(disk: Disk): string[] {
  return [...messagesOfPeer(disk)]
    .filter(([name]) => name.startsWith(MESSAGE))
    .map(([, octets]) => octets.toString("latin1"));
}

function replyTo({ method, url, body }: GmailRequest, disk: Disk): GmailReply {
  if (url.pathname === "/v1/userinfo") return reply(200, {}, { email: GMAIL_ADDRESS, email_verified: true });
  const peer = messagesOfPeer(disk);
  if (method === "POST") {
    const number = [...peer.keys()].filter((name) => name.startsWith(SESSION)).length + 1;
    takeAtPeer(disk, `${SESSION}${String(number)}`, Buffer.alloc(0));
    return reply(200, { location: `${url.pathname}?upload_id=${String(number)}` });
  }
  const id = url.searchParams.get("upload_id") ?? "";
  if (method !== "PUT" || !peer.has(`${SESSION}${id}`)) return reply(404);
  if (peer.has(`${MESSAGE}${id}`)) return reply(200);
  // Without a body it is the question what the session has.
  if (body === undefined) return reply(308);
  takeAtPeer(disk, `${MESSAGE}${id}`, Buffer.from(body));
  return reply(200);
}

function reply(
  status: number,
  headers: Readonly<Record<string, string>> = {},
  json: Readonly<Record<string, unknown>> = {},
): GmailReply {
  return { status, headers: new Headers(headers), json };
}
