// What the processes of the example share: names, limits, and where the servers are.

export const QUEUE = "mail";
/** Sessions of all workers with one host. */
export const LIMIT_PER_HOST = 5;
/** Milliseconds. */
export const LEDGER_TIMES = { heartbeat: 1000, stale: 6000 };

/** Where a process finds the servers, and what it listens on. */
export interface Settings {
  /** The directory of the socket of PostgreSQL. */
  readonly postgres: string;
  readonly redisPort: number;
  readonly port: number;
  /** The name in the log. */
  readonly name: string;
}

/** Reads the variables that `start.ts` has set. */
export function settings(): Settings {
  return {
    postgres: text("FLEET_POSTGRES"),
    redisPort: Number(text("FLEET_REDIS")),
    port: Number(text("FLEET_PORT")),
    name: text("FLEET_NAME"),
  };
}

function text(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: start the example with npm run fleet`);
  return value;
}
