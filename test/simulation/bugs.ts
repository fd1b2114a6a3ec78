// Bugs that are planted to show that the simulation finds them: each changes a line of the sources.

/** A change of one file. */
export interface Patch {
  readonly file: string;
  /** What is there once. */
  readonly find: string;
  readonly by: string;
}

export interface PlantedBug {
  readonly name: string;
  /** In so many worlds it must be found. */
  readonly within: number;
  readonly patches: readonly Patch[];
}

export const BUGS: readonly PlantedBug[] = [
  {
    name: "no sync of directories",
    within: 200,
    patches: [
      {
        file: "src/fetch/destinations/group.ts",
        find: "await this.#kept.sync();",
        by: "await Promise.resolve();",
      },
    ],
  },
  {
    name: "no sync of messages",
    within: 200,
    patches: [
      { file: "src/fetch/destinations/spool-file.ts", find: "    await this.#file.datasync();\n", by: "" },
    ],
  },
  {
    name: "no sync of the ledger",
    within: 200,
    patches: [{ file: "src/fetch/ledger/journal.ts", find: "      await file.datasync();\n", by: "" }],
  },
  {
    name: "a failed sync of a directory counts as success",
    within: 200,
    patches: [
      {
        file: "src/fetch/destinations/group.ts",
        find: "      for (const message of messages) message.fail(error);\n    }\n  }\n}",
        by: "      void error;\n    }\n  }\n}",
      },
    ],
  },
  {
    name: "DELE before the ledger",
    within: 200,
    patches: [
      {
        file: "src/fetch/run/session.ts",
        find: "  await ledger.recorded();\n",
        by: "  void ledger.recorded().catch(() => undefined);\n",
      },
    ],
  },
  {
    name: "the ledger before the commit",
    within: 200,
    patches: [
      {
        file: "src/fetch/destinations/group.ts",
        find: "    this.#isNaming = true;\n",
        by: "    this.#isNaming = true;\n    for (const message of group) message.settle();\n",
      },
    ],
  },
  {
    name: "QUIT after an abandoned RETR",
    within: 200,
    patches: [
      {
        file: "src/fetch/run/session.ts",
        find: "if (failures.hasRefusals || abandoned || lost) {",
        by: "if (lost) {",
      },
    ],
  },
  {
    name: "a refused message counts as delivered",
    within: 200,
    patches: [
      {
        file: "src/fetch/destinations/complete-message.ts",
        find: "      if (this.#failure !== undefined) throw this.#failure.error;\n",
        by: "",
      },
    ],
  },
  {
    name: "a lost lease is ignored",
    within: 200,
    patches: [
      {
        file: "src/fetch/files/lock.ts",
        find: "  #lose(message: string): void {\n    if (this.#failure !== undefined) return;",
        by: '  #lose(message: string): void {\n    if (message !== "") return;',
      },
    ],
  },
  {
    name: "no confirmation of the lease before DELE and QUIT",
    within: 200,
    patches: [
      {
        file: "src/fetch/run/run-ledger.ts",
        find: "      await this.held.confirm?.();\n",
        by: "      await Promise.resolve();\n",
      },
    ],
  },
  {
    name: "every lock counts as abandoned",
    within: 200,
    patches: [
      {
        file: "src/fetch/files/lock-file.ts",
        find: "  if (holder.free) return true;\n",
        by: "  if (holder.seen > 0) return true;\n",
      },
    ],
  },
  {
    name: "a take-over keeps the old journal",
    within: 200,
    patches: [
      {
        file: "src/fetch/ledger/journal.ts",
        find: "this.#mark === undefined || this.#lock.takenOver || isWordy",
        by: "this.#mark === undefined || isWordy",
      },
    ],
  },
  {
    name: "a short write counts as whole",
    within: 200,
    patches: [
      {
        file: "src/fetch/destinations/spool-file.ts",
        find: "      left = without(left, bytesWritten);\n",
        by: "      left = without(left, Infinity);\n",
      },
    ],
  },
  {
    name: "a key is used twice",
    within: 200,
    patches: [
      {
        file: "src/fetch/mailbox.ts",
        find: 'update(`${mailbox}\\0${uid}`, "utf8")',
        by: 'update(`${mailbox}\\0${uid.slice(0, 4)}${String(uid.charCodeAt(4) % 3)}`, "utf8")',
      },
    ],
  },
  {
    name: "mixed replies are not noticed",
    within: 200,
    patches: [
      {
        file: "src/net/replies.ts",
        find: "    else if (block.hasMixedReplies?.() === true) throw mixedReplies(command);\n",
        by: '    else if (block.hasMixedReplies?.() === "never") throw mixedReplies(command);\n',
      },
    ],
  },
  {
    name: "no timeout ever",
    within: 200,
    patches: [
      {
        file: "src/net/deadline-timer.ts",
        find: "    if (steadyTime() < due) {\n",
        by: "    if (steadyTime() < Infinity * due) {\n",
      },
    ],
  },
  {
    name: "the end of a connection is the end of a message",
    within: 200,
    patches: [
      {
        file: "src/net/connection.ts",
        find: "      exchange.reject(error.forCommand(exchange.command.printable));\n      error = failure;",
        by: "      if (exchange.block === undefined) exchange.reject(error.forCommand(exchange.command.printable));\n      else exchange.resolve(exchange.block.end(this.#secrets));\n      error = failure;",
      },
    ],
  },
  {
    name: "the password is shown",
    within: 200,
    patches: [
      {
        file: "src/protocol/commands.ts",
        find: "printable: initial === undefined ? `AUTH ${mechanism}` : `AUTH ${mechanism} ${MASK}`",
        by: "printable: initial === undefined ? `AUTH ${mechanism}` : `AUTH ${mechanism} ${initial}`",
      },
    ],
  },
  {
    name: "the ledger forgets a record",
    within: 200,
    patches: [
      {
        file: "src/fetch/ledger/journal.ts",
        find: "    const lines = this.#lines;\n",
        by: "    const lines = this.#lines.length > 1 ? this.#lines.slice(1) : this.#lines;\n",
      },
    ],
  },
  {
    name: "a file of a living process is swept",
    within: 200,
    patches: [
      {
        file: "src/fetch/destinations/spool-file.ts",
        find: "((await isNameOfDead(writer)) ? removeName(path)",
        by: '((await isNameOfDead(writer)) || writer !== "" ? removeName(path)',
      },
    ],
  },
  {
    name: "a message that is known is stored again",
    within: 200,
    patches: [
      {
        file: "src/fetch/destinations/eml-folder.ts",
        find: '(await names.has(key)) ? "known" : group.begin(key, names.pathOf(key))',
        by: '(await names.has(key)) ? group.begin(`${key}`, names.pathOf(`${key}`).replace(".eml", "-2.eml")) : group.begin(key, names.pathOf(key))',
      },
    ],
  },
  {
    name: "QUIT is sent after a failure",
    within: 200,
    patches: [
      {
        file: "src/fetch/run/run.ts",
        find: "      if (outcome.withoutQuit) client.close();\n      // QUIT follows.\n      else await ledger.confirm();",
        by: "      await ledger.confirm();",
      },
    ],
  },
];
