// The destinations that hand messages over to a peer: a function whose receiver knows the keys, an IMAP folder, and Gmail.
// The test file must also mock `imap-session.ts` and `gmail/exchange.ts`.
import { deliverTo, GmailImport, ImapAppend, messageKey } from "../../src/fetch/index.ts";
import type { Disk } from "./disk.ts";
import { machine } from "./machine.ts";
import { messagesOfPeer, takeAtPeer } from "./peer.ts";
import { MAILBOX, type Place } from "./places.ts";
import { GMAIL_ADDRESS, messagesInGmail } from "./simulated-gmail.ts";
import { WITHOUT_UIDPLUS } from "./simulated-imap.ts";

/** The directory for the journals of destinations. */
const STATE = "/mail";

function textsAt(disk: Disk): string[] {
  return [...messagesOfPeer(disk).values()].map((octets) => octets.toString("latin1"));
}

/** An APPEND that was sent before a crash has reached the server, or never will. So nothing has to be waited for. */
function imap(name: string, user: string): Place {
  const options = { state: STATE, auth: { password: "secret" }, settleTime: 0 };
  return {
    name,
    make: () => new ImapAppend(`imaps://${user}@imap.test/INBOX`, options),
    messages: textsAt,
    has: (disk, _, text) => textsAt(disk).includes(text),
    form: (text) => text,
    // A journal that was not put in place stays until the next take-over of the lock.
    others: (disk) => disk.files(STATE).filter((path) => !/\.journal(\.[0-9a-f]{16}\.tmp)?$/.test(path)),
  };
}

export const PEERS: readonly Place[] = [
  {
    name: "function",
    make: () =>
      deliverTo(({ key, octets }) =>
        machine().operate(() => {
          const { disk } = machine();
          if (messagesOfPeer(disk).has(key)) return "known";
          takeAtPeer(disk, key, octets);
          return "new";
        }),
      ),
    messages: textsAt,
    has: (disk, uid, text) => messagesOfPeer(disk).get(messageKey(MAILBOX, uid))?.toString("latin1") === text,
    form: (text) => text,
    others: () => [],
  },
  {
    name: "GmailImport",
    make: () => new GmailImport(GMAIL_ADDRESS, { state: STATE, accessToken: () => "token" }),
    messages: messagesInGmail,
    has: (disk, _, text) => messagesInGmail(disk).includes(text),
    form: (text) => text,
    others: (disk) => disk.files(STATE).filter((path) => !path.endsWith(".uploads")),
  },
  imap("ImapAppend", "ann"),
  imap("ImapAppend, no UIDPLUS", WITHOUT_UIDPLUS),
];
