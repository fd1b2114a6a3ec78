// Makes a world wider: policies and faults of servers that not every world has.
import type { FetchPolicy } from "../../src/fetch/index.ts";
import type { Chance } from "./chance.ts";
import type { Fleet, Memory, Scenario } from "./scenario.ts";
import type { Character } from "./server.ts";

export function widened(narrow: Scenario, chance: Chance): Scenario {
  const scenario = kindOf(narrow, chance);
  const { listsAtMost, uidsChangeFor, sizesVary } = scenario.server;
  // What is left out stays at the server, so one that lists a part of the mail would never list the rest. If its
  // unique-ids change, it is recognised by its sizes.
  if (listsAtMost !== undefined || (uidsChangeFor !== undefined && sizesVary === true)) return scenario;
  if (chance.happens(0.75)) return scenario;
  const firstRun = chance.pick(["none", { newest: 1 + chance.below(4) }] as const);
  return { ...scenario, policy: { ...scenario.policy, firstRun } };
}

function kindOf(narrow: Scenario, chance: Chance): Scenario {
  const place = chance.pick([narrow.place, narrow.place, "function", "Webhook"] as const);
  const scenario = { ...narrow, place };
  const policy = policyOf(scenario.policy, chance);
  const character = characterOf(scenario.server, chance);
  const server = isBySize(policy) ? withRightSizes(character) : character;
  const odds = chance.next();
  // Each of these needs a server that does not do the others.
  if (odds < 0.25) return withChangedUids({ ...scenario, policy, server, wide: { repeatedUids: 0 } }, chance);
  if (odds < 0.45)
    return {
      ...scenario,
      // Without a unique-id of its own, a large message is left alone.
      policy: withoutLimit(policy),
      // Only a message that was retrieved shows that it must wait. The run sends QUIT all the same.
      server: { ...withRightSizes(server), hides: false },
      wide: { repeatedUids: chance.between(0.1, 1) },
    };
  if (odds < 0.6 && (policy.delete === "delivered" || server.hides) && policy.maxSize === undefined)
    return {
      ...scenario,
      policy: { ...policy, delete: "delivered" },
      server: { ...server, listsAtMost: 1 + chance.below(4) },
      wide: { repeatedUids: 0 },
    };
  if (odds < 0.85) {
    const fleet = fleetOf(scenario.fetchers, chance);
    const messages = scenario.messages + chance.below(4);
    return { ...scenario, policy, server, messages, wide: { repeatedUids: 0, fleet } };
  }
  const isLying = chance.happens(0.4) && !isBySize(policy);
  return {
    ...scenario,
    policy: withoutLimit(policy),
    server: isLying ? lying(server) : server,
    messages: 3 + chance.below(5),
    wide: { repeatedUids: 0, memory: memoryOf(isLying ? 5000 : 500, chance) },
  };
}

/** A server that says of each message that it is tiny: a client asks for more ahead than it can hold. */
function lying({ broken: _, sizesVary: __, ...server }: Character): Character {
  return { ...server, pipelining: true, broken: undefined, wrongSizes: -1e9 };
}

/** `least`: the fewest lines that are added to a message. */
function memoryOf(least: number, chance: Chance): Memory {
  const lines = Math.round(chance.between(least, 15_000));
  return {
    lines,
    window: Math.round(chance.between(4096, 1_048_576)),
    limit: 80 * lines + 500_000,
    group: { messages: 1 + chance.below(8), bytes: Math.round(chance.between(65_536, 1_048_576)) },
  };
}

function fleetOf(fetchers: number, chance: Chance): Fleet {
  const hosts = chance.pick([1, 1, 2, 3]);
  const users = ["ann", "ben", "cai", "dee", "eva", "fay"].slice(0, 2 + chance.below(5));
  const mailboxes = users.map((user) => {
    const host = `pop${String(1 + chance.below(hosts))}.simulated.test`;
    return { name: `${user}@${host}:110`, user, host };
  });
  const all = mailboxes.map((_, number) => number);
  // The first process has all of them; those of the others overlap.
  const targets = Array.from({ length: fetchers }, (_, number) => {
    const some = all.filter(() => chance.happens(0.6));
    return number === 0 || some.length === 0 ? all : some;
  });
  return {
    mailboxes,
    targets,
    maxSessions: 1 + chance.below(5),
    maxPerHost: 1 + chance.below(3),
    lasts: chance.happens(0.6) ? Math.round(chance.between(5 * 60_000, 4 * 60 * 60_000)) : 0,
  };
}

function policyOf(policy: FetchPolicy, chance: Chance): FetchPolicy {
  const largerThan = Math.round(chance.between(100, 40_000));
  const deletes = chance.pick([
    policy.delete,
    policy.delete,
    { largerThan },
    { afterDays: 0.03, largerThan },
  ]);
  const limit = { maxSize: Math.round(chance.between(100, 40_000)) };
  return {
    ...policy,
    ...(deletes === undefined ? {} : { delete: deletes }),
    ...(chance.happens(0.3)
      ? { ...limit, tooLarge: chance.pick(["skip", "headers", "delete"] as const) }
      : {}),
  };
}

function isBySize({ delete: deletes, maxSize }: FetchPolicy): boolean {
  return maxSize !== undefined || (typeof deletes === "object" && deletes.largerThan !== undefined);
}

function characterOf(server: Character, chance: Chance): Character {
  const broken = server.pipelining && server.broken === undefined && chance.happens(0.1);
  const sizesVary = chance.happens(0.1);
  return { ...server, ...(broken ? { broken: "closes" } : {}), ...(sizesVary ? { sizesVary } : {}) };
}

/** The sizes decide what becomes of a message, or which one it is. */
function withRightSizes({ sizesVary: _, ...server }: Character): Character {
  return { ...server, wrongSizes: 0 };
}

function withoutLimit({ maxSize: _, tooLarge: __, ...policy }: FetchPolicy): FetchPolicy {
  return policy;
}

function withChangedUids(scenario: Scenario, chance: Chance): Scenario {
  const uidsChanged = chance.pick(["match", "match", "stop", "new"] as const);
  const isForAWhile = uidsChanged === "stop";
  const uidsChangeFor = isForAWhile ? Math.round(chance.between(60_000, 3_600_000)) : ("good" as const);
  // Without TOP, no headers can be compared.
  const server = { ...scenario.server, top: true, uidsChangeFor };
  const messages = scenario.messages + 3;
  const policy = { ...scenario.policy, uidsChanged };
  // A run that stops goes on when the old ones are back, if it has known them all the time.
  if (!isForAWhile && chance.happens(0.4)) return { ...scenario, messages, policy, server };
  return {
    ...scenario,
    messages,
    policy: { ...withoutLimit(policy), delete: "never" },
    server: { ...server, hides: false },
  };
}
