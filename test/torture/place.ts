// The places into which `popwright fetch` delivers, and what is in them.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bodiesOf, mboxForm } from "../support/mbox-form.ts";
import type { World } from "./world.ts";

/** What is in a place. */
export interface Contents {
  /** The complete messages, as they are stored. */
  readonly messages: readonly Buffer[];
  /** The keys of the messages, if the place does not recognise them. */
  readonly keys?: readonly string[];
  /** The names of files that are not messages. */
  readonly others: readonly string[];
}

export interface Place {
  readonly name: string;
  /** The words that select it. */
  words(this: void, world: World): readonly string[];
  /** Creates the files that these words name. */
  prepare?(this: void, world: World): Promise<void>;
  read(this: void, world: World): Promise<Contents>;
  /** Whether the mail stays on the server. */
  readonly keeps?: boolean;
  /** How a message is stored. @default as it was sent */
  form?(this: void, message: Buffer): Buffer;
}

async function filesIn(directory: string): Promise<(readonly [name: string, octets: Buffer])[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return Promise.all(
    names.sort().map(async (name) => [name, await readFile(join(directory, name))] as const),
  );
}

export const MAILDIR: Place = {
  name: "Maildir",
  words: (world) => ["--to", world.path("Mail")],
  read: async (world) => {
    const [fresh, seen, begun] = await Promise.all(
      ["new", "cur", "tmp"].map((name) => filesIn(world.path("Mail", name))),
    );
    return {
      messages: [...(fresh ?? []), ...(seen ?? [])].map(([, octets]) => octets),
      others: (begun ?? []).map(([name]) => name),
    };
  },
};

const EML: Place = {
  name: "eml",
  words: (world) => ["--to", world.path("eml"), "--format", "eml"],
  read: async (world) => {
    const files = await filesIn(world.path("eml"));
    return {
      messages: files.filter(([name]) => name.endsWith(".eml")).map(([, octets]) => octets),
      others: files.filter(([name]) => !name.endsWith(".eml")).map(([name]) => name),
    };
  },
};

const MBOX: Place = {
  name: "mbox",
  words: (world) => ["--to", world.path("mbox", "inbox"), "--format", "mbox"],
  read: async (world) => {
    const files = await filesIn(world.path("mbox"));
    return {
      messages: bodiesOf(files.find(([name]) => name === "inbox")?.[1] ?? Buffer.alloc(0)),
      // What is left of a lock is too young to be swept.
      others: files
        .map(([name]) => name)
        .filter((name) => name !== "inbox" && !/^inbox\.lock(?:\.[0-9a-f]{16})+\.tmp$/.test(name)),
    };
  },
  form: mboxForm,
};

/** A program that stores its input under the key of the message. Each run of it writes a file of its own. */
const KEEP =
  'mkdir -p "$1" && cat >"$1/.$POPWRIGHT_KEY.$$" && mv "$1/.$POPWRIGHT_KEY.$$" "$1/$POPWRIGHT_KEY.$$"';

const commandWith = (name: string, policy: object): Place => ({
  name,
  words: (world) => ["--config", world.path("config", "mail.json")],
  prepare: async (world) => {
    const account = {
      url: world.url,
      passwordFile: world.path("config", "password"),
      to: { command: ["sh", "-c", KEEP, "keep", world.path("kept")] },
    };
    await mkdir(world.path("config"));
    await writeFile(world.path("config", "password"), "secret\n");
    await writeFile(
      world.path("config", "mail.json"),
      JSON.stringify({ state: world.path("state"), policy, accounts: [account] }),
    );
  },
  read: async (world) => {
    const files = await filesIn(world.path("kept"));
    const kept = files.filter(([name]) => !name.startsWith("."));
    return {
      messages: kept.map(([, octets]) => octets),
      keys: kept.map(([name]) => name.split(".")[0] ?? ""),
      others: [
        ...files.filter(([name]) => name.startsWith(".")),
        ...(await filesIn(world.path("spool"))),
      ].map(([name]) => name),
    };
  },
});

const COMMAND: Place = commandWith("command", { delete: "delivered" });

/** All mail stays on the server, so that the ledger has entries. */
export const COMMAND_KEPT: Place = { ...commandWith("command, kept on the server", {}), keeps: true };

export const PLACES: readonly Place[] = [MAILDIR, EML, MBOX, COMMAND];
