// Destinations that are files on this machine: a Maildir, a folder of .eml files, an mbox.
import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import {
  EmlFolder,
  Maildir,
  Mbox,
  type Destination,
  type DestinationCheck,
  type DestinationCheckLine,
} from "../../../fetch/index.ts";
import { isSystemError } from "../../../fetch/files/fsync.ts";
import { printable } from "../../../protocol/printable.ts";
import { fileAdvice } from "../../../advice/files.ts";
import { octetsText } from "../../../advice/wording.ts";
import type { PlaceKind } from "./place.ts";

function fileKind(create: (path: string) => Destination, isDirectory: boolean): PlaceKind<string> {
  return {
    // The value is there: a key without one is not JSON.
    read: (path, value, fields) => fields.string(path, value) ?? "",
    named: (to) => to,
    shown: (path) => path,
    create: (path, { pathOf }) => create(pathOf(path)),
    check: (path, { pathOf }) => checkFile(pathOf(path), isDirectory),
  };
}

export const maildir: PlaceKind<string> = fileKind((path) => new Maildir(path), true);
export const eml: PlaceKind<string> = fileKind((path) => new EmlFolder(path), true);
export const mbox: PlaceKind<string> = fileKind((path) => new Mbox(path), false);

/** Looks whether the path can be written, or created, and how much space there is. Writes nothing. */
async function checkFile(path: string, isDirectory: boolean): Promise<DestinationCheck> {
  try {
    const found = await nearest(path);
    const what = isDirectory ? "folder" : "file";
    const step = (ok: boolean, text: string): DestinationCheckLine => ({
      name: what,
      ok,
      text: printable(text),
    });
    const isThere = found === path;
    if ((await stat(found)).isDirectory() !== (isDirectory || !isThere))
      return {
        lines: [
          step(
            false,
            `${isThere ? `${path} is not a ${what}` : `${found} is not a folder`}: choose another path`,
          ),
        ],
      };
    await access(found, constants.W_OK);
    const { bavail, bsize } = await statfs(found);
    return {
      lines: [
        step(true, isThere ? `${path} can be written` : `${path} will be created`),
        { name: "space", ok: true, text: `${octetsText(bavail * bsize)} free` },
      ],
    };
  } catch (error) {
    const text = [(error as Error).message, fileAdvice(error) ?? []].flat().join(". ");
    return { lines: [{ name: "folder", ok: false, text: printable(text) }] };
  }
}

/** Returns the path itself, or the nearest directory above it that exists. */
async function nearest(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    if (!isSystemError(error, "ENOENT") || dirname(path) === path) throw error;
    return nearest(dirname(path));
  }
}
