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
  /** It must be found within this number of worlds. */
  readonly within: number;
  readonly patches: readonly Patch[];
}

export const BUGS: readonly PlantedBug[] = [
  {
    name: "no sync of directories",
    within: 50,
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
    within: 50,
    patches: [
      { file: "src/fetch/destinations/spool-file.ts", find: "    await this.#file.datasync();\n", by: "" },
    ],
  },
  {
    name: "no sync of an mbox",
    within: 500,
    patches: [{ file: "src/fetch/destinations/mbox-append.ts", find: "  await file.datasync();\n", by: "" }],
  },
  {
    name: "what is torn in an mbox counts as whole",
    within: 500,
    patches: [
      {
        file: "src/fetch/destinations/mbox-take-back.ts",
        find: "return (await digestOf(file, at, octets)) === digest;",
        by: 'return (await digestOf(file, at, octets)) !== "";',
      },
    ],
  },
  {
    name: "a group of an mbox that failed counts as delivered",
    within: 500,
    patches: [
      {
        file: "src/fetch/destinations/mbox-file.ts",
        find: "await this.#append(group).catch((error: unknown) => this.#storeEach(group, error));",
        by: 'await this.#append(group).catch(() => group.map((): Result => ({ status: "fulfilled", value: "new" })));',
      },
    ],
  },
  {
    name: "no sync of the ledger",
    within: 50,
    patches: [{ file: "src/fetch/ledger/journal.ts", find: "      await file.datasync();\n", by: "" }],
  },
  {
    name: "a failed sync of a directory counts as success",
    within: 500,
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
    within: 50,
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
    within: 50,
    patches: [
      {
        file: "src/fetch/destinations/gathering.ts",
        find: "    this.#isStoring = true;\n",
        by: '    this.#isStoring = true;\n    for (const { settle } of group) settle({ status: "fulfilled", value: "new" });\n',
      },
    ],
  },
  {
    name: "QUIT after an abandoned RETR",
    within: 500,
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
    within: 500,
    patches: [
      {
        file: "src/fetch/destinations/complete-message.ts",
        find: '    if (this.#failure !== undefined) return { status: "rejected", reason: this.#failure.error };\n',
        by: "",
      },
    ],
  },
  {
    name: "a lost lease is ignored",
    within: 100,
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
    within: 1000,
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
    within: 500,
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
    within: 50,
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
    within: 50,
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
    within: 50,
    patches: [
      {
        file: "src/fetch/mailbox.ts",
        find: 'update(`${mailbox}\\0${uid}`, "utf8")',
        by: 'update(`${mailbox}\\0${uid.slice(0, 4)}${String(uid.charCodeAt(4) % 3)}`, "utf8")',
      },
    ],
  },
  {
    // Without the second change, the wrong size is noticed, and the reply to the next question is wrong.
    name: "neither mixed replies nor a wrong size are noticed",
    within: 1000,
    patches: [
      {
        file: "src/fetch/run/delivery.ts",
        find: "  if (!isWhole) await context.ensureWhole();\n",
        by: "",
      },
      {
        file: "src/net/replies.ts",
        find: "    else if (block.hasMixedReplies?.() === true) throw mixedReplies(command);\n",
        by: '    else if (block.hasMixedReplies?.() === "never") throw mixedReplies(command);\n',
      },
    ],
  },
  {
    name: "no timeout ever",
    within: 500,
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
    within: 500,
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
    within: 500,
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
    within: 500,
    patches: [
      {
        file: "src/fetch/ledger/journal.ts",
        find: "    const lines = this.#lines;\n",
        by: "    const lines = this.#lines.length > 1 ? this.#lines.slice(1) : this.#lines;\n",
      },
    ],
  },
  {
    name: "what a dead process has left is never swept",
    within: 500,
    patches: [
      {
        file: "src/fetch/destinations/spool-file.ts",
        find: "((await isNameOfDead(writer)) ? removeName(path)",
        by: '((await isNameOfDead(writer)) || writer !== "" ? Promise.resolve()',
      },
    ],
  },
  {
    name: "a message that is known is stored again",
    within: 500,
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
    within: 500,
    patches: [
      {
        file: "src/fetch/run/run.ts",
        find: "      if (outcome.withoutQuit) client.close();\n      // QUIT follows.\n      else await ledger.confirm();",
        by: "      await ledger.confirm();",
      },
    ],
  },
  {
    name: "messages with changed unique-ids are new",
    within: 500,
    patches: [
      {
        file: "src/fetch/run/uid-reset.ts",
        find: "if (!areThere(listing, expected, sample, new Set(leaving))) return;",
        by: "if (!areThere(listing, expected, sample, new Set(leaving)) || listing.length > 0) return;",
      },
    ],
  },
  {
    name: "a repeated unique-id names one message",
    within: 500,
    patches: [
      { file: "src/fetch/plan/plan.ts", find: "    if (seen.has(uid)) repeated.add(uid);\n", by: "" },
    ],
  },
  {
    name: "a message is deleted before its time",
    within: 500,
    patches: [
      {
        file: "src/fetch/plan/schedule.ts",
        find: "return now - firstSeen >= after ||",
        by: "return now - firstSeen >= after / 2 ||",
      },
    ],
  },
  {
    name: "a message that is too large is deleted",
    within: 500,
    patches: [
      {
        file: "src/fetch/plan/decide.ts",
        find: 'if (policy.tooLarge === "delete") {',
        by: 'if (policy.tooLarge !== "headers") {',
      },
    ],
  },
  {
    name: "a failed commit counts as delivered",
    within: 500,
    patches: [
      {
        file: "src/fetch/run/delivery.ts",
        find: "const committed = await byDestination(id, () => writer.commit(entryFor(id, headers)));",
        by: 'const committed = await byDestination(id, () => writer.commit(entryFor(id, headers))).catch(() => "new" as const);',
      },
    ],
  },
  {
    name: "a refusal by HTTP counts as delivered",
    within: 500,
    patches: [
      {
        file: "src/fetch/destinations/webhook.ts",
        find: "if (reply.status >= 200 && reply.status < 300) return",
        by: "if (reply.status >= 200 && reply.status !== 503) return",
      },
    ],
  },
  {
    name: "each request has another key",
    within: 500,
    patches: [
      {
        file: "src/fetch/destinations/webhook.ts",
        find: '"idempotency-key": key,',
        by: '"idempotency-key": `${key}-${String(wallTime())}`,',
      },
    ],
  },
  {
    name: "no cap per host",
    within: 500,
    patches: [
      {
        file: "src/pool/scheduler.ts",
        find: "const wanted = host.active < this.#limits.perHost && host.ready.first !== undefined;",
        by: "const wanted = host.ready.first !== undefined;",
      },
    ],
  },
  {
    name: "no breaker",
    within: 500,
    patches: [
      {
        file: "src/fetch/host-gate.ts",
        find: '      this.#state = "down";\n',
        by: '      this.#state = "up";\n',
      },
    ],
  },
  {
    name: "polls come too early",
    within: 500,
    patches: [
      {
        file: "src/fetch/mailboxes.ts",
        find: "await sleep(next - wallTime(), this.#end.signal);",
        by: "await sleep((next - wallTime()) / 2, this.#end.signal);",
      },
    ],
  },
  {
    name: "a slow destination does not slow the server down",
    within: 500,
    patches: [{ file: "src/net/flow-control.ts", find: "      this.#stream.pause();\n", by: "" }],
  },
  {
    name: "no limit of what is asked for ahead",
    within: 500,
    patches: [
      {
        file: "src/session/retrieval.ts",
        find: "      if (octets > window.octets || whole > limits.message) this.#large = message;\n",
        by: "      if (whole > limits.message) this.#large = message;\n",
      },
      {
        file: "src/session/retrieval.ts",
        find: "(this.#octets + octets > window.octets || this.#count >= most)",
        by: "this.#count >= most",
      },
      {
        file: "src/net/pipeline.ts",
        find: "      this.#octets + next.announced > window.octets || this.#text",
        by: "      this.#text",
      },
    ],
  },
  {
    name: "no limit of what a server sends without having announced it",
    within: 500,
    patches: [
      {
        file: "src/session/reception.ts",
        find: " && this.#options.mayExceed?.() !== false",
        by: "",
      },
    ],
  },
  {
    name: "no limit of the messages that are underway",
    within: 500,
    patches: [
      {
        file: "src/fetch/run/underway.ts",
        find: "    return this.messages > 0 && (this.messages >= messages || this.#octets + size > bytes);\n",
        by: "    return this.messages > 1e9 && (this.messages >= messages || this.#octets + size > bytes);\n",
      },
    ],
  },
  {
    name: "the first run is noted only at its end",
    within: 500,
    patches: [
      {
        file: "src/fetch/run/planning.ts",
        find: "  const isMark = rest.lastRun === undefined || before !== plan.baseline;\n",
        by: '  const isMark = before === "never";\n',
      },
    ],
  },
  {
    name: "the mail that the first run leaves out is forgotten",
    within: 500,
    patches: [
      {
        file: "src/fetch/plan/decide.ts",
        find: 'return { action: "keep", entry: entryOf(message, uid, "baseline", now) };',
        by: "return KEEP;",
      },
    ],
  },
  {
    name: "the password is published on a channel",
    within: 500,
    patches: [
      {
        file: "src/net/wire-log.ts",
        find: "  sent({ printable }: Command<unknown>): void {",
        by: "  sent({ line, printable }: Command<unknown>): void {",
      },
      {
        file: "src/net/wire-log.ts",
        find: "if (isRecorded()) record({ client: printable });",
        by: "if (isRecorded()) record({ client: line });",
      },
    ],
  },
];
