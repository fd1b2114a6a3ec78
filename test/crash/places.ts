// The destinations that are explored, and how a mail reader finds their messages on the simulated disk.
import { EmlFolder, Maildir, Mbox, messageKey, type Destination } from "../../src/fetch/index.ts";
import { bodiesOf, mboxForm } from "../support/mbox-form.ts";
import type { Disk } from "./disk.ts";
import { File } from "./nodes.ts";

export const MAILBOX = "ann@pop.test:995";

export interface Place {
  readonly name: string;
  /** Returns the destination as a new process makes it. */
  make(): Destination;
  /** The messages that a mail reader finds, in the form in which the place stores them. */
  messages(disk: Disk): string[];
  /** Whether a mail reader finds this message. Looks at no other one, if it can. */
  has(disk: Disk, uid: string, text: string): boolean;
  /** The form in which the place stores a message. */
  form(text: string): string;
  /** The files that are not messages. */
  others(disk: Disk): string[];
}

const ROOT = "/mail";

function text(disk: Disk, path: string): string {
  const file = disk.find(path);
  return file instanceof File ? file.content.toString("latin1") : "";
}

/** A place with a file for each message, whose name begins with its key. */
function fileEach(name: string, make: () => Destination, folders: readonly string[], ending: string): Place {
  const isMessage = (path: string): boolean =>
    folders.some((folder) => path.startsWith(`${folder}/`)) && path.endsWith(ending);
  const files = (disk: Disk): string[] => disk.files(ROOT).filter(isMessage);
  return {
    name,
    make,
    messages: (disk) => files(disk).map((path) => text(disk, path)),
    has: (disk, uid, message) =>
      files(disk).some((path) => path.includes(messageKey(MAILBOX, uid)) && text(disk, path) === message),
    form: (message) => message,
    others: (disk) => disk.files(ROOT).filter((path) => !isMessage(path)),
  };
}

function formOf(message: string): string {
  return mboxForm(Buffer.from(message, "latin1")).toString("latin1");
}

function bodies(disk: Disk): string[] {
  return bodiesOf(Buffer.from(text(disk, `${ROOT}/inbox`), "latin1")).map((body) => body.toString("latin1"));
}

export const PLACES: readonly Place[] = [
  fileEach("Maildir", () => new Maildir(ROOT), [`${ROOT}/new`, `${ROOT}/cur`], ".popwright"),
  fileEach("eml", () => new EmlFolder(ROOT), [ROOT], ".eml"),
  {
    name: "mbox",
    make: () => new Mbox(`${ROOT}/inbox`),
    messages: bodies,
    // What is left of the next message may follow it, until the next process removes that.
    has: (disk, _, message) => text(disk, `${ROOT}/inbox`).includes(`\n${formOf(message)}`),
    form: formOf,
    others: (disk) => disk.files(ROOT).filter((path) => path !== `${ROOT}/inbox`),
  },
];
