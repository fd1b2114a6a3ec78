// Destinations that are files on this machine: a Maildir, a folder of .eml files, an mbox.
import { EmlFolder, Maildir, Mbox, type Destination } from "../../../fetch/index.ts";
import type { PlaceKind } from "./place.ts";

function fileKind(create: (path: string) => Destination): PlaceKind<string> {
  return {
    // The value is there: a key without one is not JSON.
    read: (path, value, fields) => fields.string(path, value) ?? "",
    shown: (path) => path,
    create: (path, { pathOf }) => create(pathOf(path)),
  };
}

export const maildir: PlaceKind<string> = fileKind((path) => new Maildir(path));
export const eml: PlaceKind<string> = fileKind((path) => new EmlFolder(path));
export const mbox: PlaceKind<string> = fileKind((path) => new Mbox(path));
