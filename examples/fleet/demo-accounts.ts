// The mailboxes of the example, on three providers. Three of them are in trouble, to show what the page says of them.
import type { NewAccount } from "./database.ts";

/** The address of each provider, and how its mailboxes are named. */
export const PROVIDERS = [
  { host: "127.0.0.11", domain: "north.example", latency: 15 },
  { host: "127.0.0.12", domain: "south.example", latency: 25 },
  { host: "127.0.0.13", domain: "west.example", latency: 40 },
] as const;

/** Nothing listens here. */
const DEAD_HOST = "127.0.0.14";

/** Mailboxes on each provider. */
const COUNT = 60;

export const PASSWORD = "correct horse";

const NAMES = ["ann", "ben", "cleo", "dan", "eva", "finn", "gina", "hugo", "ines", "jan"] as const;

/** The users of a provider. */
export function usersOf(provider: (typeof PROVIDERS)[number]): string[] {
  return Array.from({ length: COUNT }, (_, at) => {
    const round = Math.floor(at / NAMES.length) + 1;
    return `${NAMES[at % NAMES.length] as string}${String(round)}@${provider.domain}`;
  });
}

/** The accounts of all users. `port`: the one of all providers. */
export function demoAccounts(port: number): NewAccount[] {
  const good = PROVIDERS.flatMap((provider) =>
    usersOf(provider).map((login) => ({ login, host: provider.host, port, password: PASSWORD })),
  );
  const [north, south] = PROVIDERS;
  return [
    ...good,
    { login: `wrong-password@${north.domain}`, host: north.host, port, password: "wrong" },
    { login: `kills-its-worker@${south.domain}`, host: south.host, port, password: PASSWORD, kills: true },
    ...["old", "older"].map((name) => ({
      login: `${name}@dead.example`,
      host: DEAD_HOST,
      port,
      password: PASSWORD,
    })),
  ];
}

/** Users that exist at a provider in addition: those of the accounts in trouble, and some to add by hand. */
export function moreUsersOf(provider: (typeof PROVIDERS)[number]): string[] {
  return ["wrong-password", "kills-its-worker", "new1", "new2", "new3"].map(
    (name) => `${name}@${provider.domain}`,
  );
}
