// The contract of destinations, for each that there is.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command, deliverTo, EmlFolder, Maildir, Mbox } from "../../../src/fetch/index.ts";
import { contract } from "./contract.ts";
import { octetsIn } from "./folder.ts";
import { bodiesOf, mboxForm } from "./mbox-form.ts";

contract("Maildir", {
  make: (directory) => new Maildir(directory),
  delivered: (directory) => octetsIn(join(directory, "new")),
  knowsKeys: true,
  steps: ["write", "sync"],
});

contract("EmlFolder", {
  make: (directory) => new EmlFolder(directory),
  delivered: (directory) => octetsIn(directory),
  knowsKeys: true,
  steps: ["write", "sync"],
});

contract("Mbox", {
  make: (directory) => new Mbox(join(directory, "inbox")),
  delivered: async (directory) =>
    bodiesOf(await readFile(join(directory, "inbox")).catch(() => Buffer.alloc(0))),
  remains: ["mail/inbox", "mail/.inbox.popwright"],
  form: mboxForm,
  knowsKeys: true,
  steps: ["write", "appendFile", "datasync"],
});

/** What each function was given, by its directory. */
const given = new Map<string, Buffer[]>();

contract("deliverTo", {
  make: (directory) =>
    deliverTo(({ octets }) => void given.set(directory, [...(given.get(directory) ?? []), octets])),
  delivered: async (directory) => given.get(directory) ?? [],
  knowsKeys: false,
  steps: [],
});

/** Writes its standard input to a file; whole, or not at all. */
const KEEP = `
  umask 077; mkdir -p "$1/tmp"; file="$1/tmp/$POPWRIGHT_KEY.$$"
  trap 'rm -f "$file"; exit 1' TERM
  cat >"$file" && mv "$file" "$1/kept.$POPWRIGHT_KEY"
`;

contract("Command", {
  make: (directory) =>
    new Command("sh", ["-c", KEEP, "keep", directory], { cwd: dirname(directory), spool: directory }),
  delivered: async (directory) => octetsIn(directory),
  knowsKeys: false,
  steps: ["write", "sync"],
});
