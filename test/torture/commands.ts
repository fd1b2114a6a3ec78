// The commands that are tortured, and what must be true after a run in which a system call has failed.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { certificate } from "../support/certificate.ts";
import { ProxyServer, tunnelTo } from "../support/proxy-server.ts";
import { fetchAgain, judgeFetch } from "./fetched.ts";
import { COMMAND_KEPT, MAILDIR, PLACES, type Place } from "./place.ts";
import { LARGE, MESSAGES, type Ended, type World, type WorldOptions } from "./world.ts";

export interface Command {
  readonly name: string;
  readonly world?: WorldOptions;
  /** Creates what the run finds. */
  prepare(this: void, world: World): Promise<void>;
  /** The words after `popwright`. */
  words(this: void, world: World): readonly string[];
  /** Returns what is wrong after the run. */
  judge(this: void, world: World, ended: Ended): Promise<string[]>;
}

const LONGER = MESSAGES[1] as Buffer;

async function withMail(world: World): Promise<void> {
  world.add(...world.messages);
  await Promise.resolve();
}

/** Complains if a run says that it succeeded, and its output is not complete. */
function outputIs(isComplete: (output: string) => boolean): Command["judge"] {
  return (_world, { code, stdout, hit }) => {
    const output = stdout.toString("latin1");
    const isWrong = code === 0 && hit?.place !== "stdout" && !isComplete(output);
    return Promise.resolve(isWrong ? [`exit code 0, and the output is\n${output}`] : []);
  };
}

const CHECK: Command = {
  name: "check",
  prepare: withMail,
  words: (world) => ["check", world.urlAt("localhost"), "--to", world.path("Mail")],
  judge: outputIs((output) => /^ok {4}end /m.test(output) && !output.includes("FAIL")),
};

const LIST: Command = {
  name: "list",
  prepare: withMail,
  words: (world) => ["list", world.url],
  judge: outputIs((output) => ["one", "two"].every((subject) => output.includes(subject))),
};

const LIST_WITH_COMMAND: Command = {
  ...LIST,
  name: "list with a password command",
  words: (world) => ["list", world.url, "--password-command", "printf secret"],
};

const GET: Command = {
  name: "get",
  prepare: withMail,
  words: (world) => ["get", world.url, "2"],
  judge: outputIs((output) => output === LONGER.toString("latin1")),
};

const GET_OUTPUT: Command = {
  name: "get --output",
  prepare: withMail,
  words: (world) => ["get", world.url, "2", "--output", world.path("file", "message.eml")],
  judge: async (world, { code, hit }) => {
    const octets = await readFile(world.path("file", "message.eml")).catch(() => undefined);
    if (octets?.equals(LONGER) === true) return [];
    if (octets !== undefined && octets.length > 0 && hit?.function !== "unlink")
      return [`exit code ${String(code)}, and a part of the message is left`];
    return code === 0 ? ["exit code 0, and there is no message"] : [];
  },
};

const fetchWords = (world: World, place: Place): readonly string[] => {
  const words = ["fetch", ...place.words(world)];
  return words.includes("--config")
    ? words
    : [...words, world.url, "--state", world.path("state"), "--delete", "delivered"];
};

function fetchInto(place: Place): Command {
  return {
    name: `fetch into ${place.name}`,
    prepare: async (world) => {
      await place.prepare?.(world);
      world.add(...world.messages);
    },
    words: (world) => fetchWords(world, place),
    judge: (world, ended) => judgeFetch(world, ended, place, fetchWords(world, place)),
  };
}

/** The first message was fetched by a run before. */
function fetchMoreInto(place: Place): Command {
  return {
    ...fetchInto(place),
    name: `fetch more into ${place.name}`,
    prepare: async (world) => {
      await place.prepare?.(world);
      const [first, ...others] = world.messages as [Buffer, ...Buffer[]];
      world.add(first);
      await fetchAgain(world, fetchWords(world, place));
      world.add(...others);
    },
  };
}

/** A large message does not fit into one block. */
function fetchLargeInto(place: Place): Command {
  return {
    ...fetchInto(place),
    name: `fetch a large message into ${place.name}`,
    world: { messages: [LARGE] },
  };
}

/** A Maildir, and other words in addition. */
function fetchWith(
  name: string,
  more: (world: World) => readonly string[],
  world: WorldOptions = {},
): Command {
  const words = (of: World): readonly string[] => [
    ...["fetch", of.url, ...MAILDIR.words(of), "--delete", "delivered"],
    ...more(of),
  ];
  return {
    name,
    world,
    prepare: withMail,
    words,
    judge: (of, ended) => judgeFetch(of, ended, MAILDIR, words(of)),
  };
}

const TLS: Command = {
  ...fetchWith(
    "fetch over TLS",
    (world) => ["--state", world.path("state"), "--ca", world.path("ca", "ca.pem")],
    { tls: true },
  ),
  prepare: async (world) => {
    await withMail(world);
    await mkdir(world.path("ca"));
    await writeFile(world.path("ca", "ca.pem"), certificate.cert);
  },
};

const proxies = new WeakMap<World, ProxyServer>();
const PROXY: Command = {
  ...fetchWith("fetch through a proxy", (world) => [
    ...["--state", world.path("state")],
    ...["--proxy", `http://127.0.0.1:${String(proxies.get(world)?.port)}`],
  ]),
  prepare: async (world) => {
    await withMail(world);
    proxies.set(world, world.own(await ProxyServer.listen(tunnelTo(world.server.port))));
  },
};

export const COMMANDS: readonly Command[] = [
  CHECK,
  LIST,
  LIST_WITH_COMMAND,
  GET,
  GET_OUTPUT,
  ...PLACES.map(fetchInto),
  ...[...PLACES, COMMAND_KEPT].map(fetchMoreInto),
  ...PLACES.map(fetchLargeInto),
  fetchWith("fetch with the default ledger", () => []),
  TLS,
  PROXY,
];
