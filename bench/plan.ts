// How much is measured: all of it, or what fits into two minutes.

export interface Plan {
  readonly name: "full" | "quick";
  /** Seconds after which no further measure is begun. */
  readonly time: number;
  /** Rounds for popwright and the limits, and for everyone else. */
  readonly rounds: number;
  readonly peerRounds: number;
  /** Seconds after which a contender is given up. */
  readonly limit: number;
  /** The same for one huge message, which some never end to read. */
  readonly largeLimit: number;
  /** Whether everyone takes part in everything, or popwright and the limits alone in what tells least. */
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
  time: 800,
  rounds: 7,
  peerRounds: 2,
  limit: 30,
  largeLimit: 20,
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
  time: 105,
  rounds: 3,
  peerRounds: 1,
  limit: 8,
  largeLimit: 2,
  everyone: false,
  roundTrips: [50],
  listings: [100_000],
  smallCount: 5000,
  largeCount: 40,
  polls: 40,
  sessions: [1, 100, 1000],
  sessionMessages: 5000,
  churn: 1000,
  loads: 5,
};
