// How much is measured: all of it, or what fits into two minutes.

export interface Plan {
  readonly name: "full" | "quick";
  /** Rounds for popwright and the limits, and for everyone else. */
  readonly rounds: number;
  readonly peerRounds: number;
  /** Seconds after which a contender is given up. */
  readonly limit: number;
  /** The same for one huge message, which some never end to read. */
  readonly largeLimit: number;
  /** Whether everyone is measured with TLS too, and against Dovecot, or popwright and the limits alone. */
  readonly everyone: boolean;
  readonly roundTrips: readonly number[];
  readonly listings: readonly number[];
  readonly smallCount: number;
  readonly largeCount: number;
  readonly polls: number;
  readonly sessions: readonly number[];
  /** Messages of all sessions together, where there are few of them. */
  readonly sessionMessages: number;
  readonly churn: number;
  readonly loads: number;
}

export const FULL: Plan = {
  name: "full",
  rounds: 7,
  peerRounds: 2,
  limit: 30,
  largeLimit: 30,
  everyone: true,
  roundTrips: [0, 20, 50, 100],
  listings: [100_000, 1_000_000],
  smallCount: 20_000,
  largeCount: 200,
  polls: 300,
  sessions: [1, 10, 100, 1000],
  sessionMessages: 20_000,
  churn: 10_000,
  loads: 20,
};

export const QUICK: Plan = {
  name: "quick",
  rounds: 3,
  peerRounds: 1,
  limit: 8,
  largeLimit: 3,
  everyone: false,
  roundTrips: [0, 50],
  listings: [100_000],
  smallCount: 5000,
  largeCount: 40,
  polls: 60,
  sessions: [1, 100, 1000],
  sessionMessages: 5000,
  churn: 1000,
  loads: 5,
};
