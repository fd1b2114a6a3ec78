// Each user of a server has a home directory, and a Maildir in it.
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Maildrop, type MaildropOwner } from "./maildrop.ts";

interface Home {
  readonly path: string;
  readonly maildrop: Maildrop;
}

export class Homes {
  readonly #homes = new Map<string, Home>();

  /** Makes the homes below `directory`, which must exist. */
  constructor(directory: string, users: Iterable<string>, owner: MaildropOwner) {
    for (const user of users) {
      // Numbered: a user's name may hold anything.
      const path = join(directory, `home-${this.#homes.size}`);
      mkdirSync(path);
      chownSync(path, owner.uid, owner.gid);
      this.#homes.set(user, { path, maildrop: new Maildrop(join(path, "Maildir"), owner) });
    }
  }

  path(user: string): string {
    return this.#home(user).path;
  }

  maildrop(user: string): Maildrop {
    return this.#home(user).maildrop;
  }

  #home(user: string): Home {
    const home = this.#homes.get(user);
    if (home === undefined) throw new TypeError(`No such user: ${user}`);
    return home;
  }
}
