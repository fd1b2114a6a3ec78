// How much is measured: all of it, or what fits into two minutes.

export interface Plan {
  readonly name: "full" | "quick";
  /** Rounds for popwright and the limits, and for everyone else. */
  readonly rounds: number;
  readonly peerRounds: number;
  /** Seconds after which a contender is given up. */
  readonly limit: number;
  readonly roundTrips: readonly number[];
  readonly listings: readonly number[];
  readonly smallCount: number;
  readonly largeCount: number;
  readonly polls: number;
  readonly sessions: readonly number[];
  readonly churn: number;
  readonly loads: number;
}

export const FULL: Plan = {
  name: "full",
  rounds: 7,
  peerRounds: 2,
  limit: 30,
  roundTrips: [0, 20, 50, 100],
  listings: [100_000, 1_000_000],
  smallCount: 20_000,
  largeCount: 200,
  polls: 300,
  sessions: [1, 10, 100, 1000],
  churn: 10_000,
  loads: 20,
};

export const QUICK: Plan = {
  name: "quick",
  rounds: 3,
  peerRounds: 1,
  limit: 8,
  roundTrips: [0, 50],
  listings: [100_000],
  smallCount: 5000,
  largeCount: 50,
  polls: 60,
  sessions: [1, 10, 100, 1000],
  churn: 1000,
  loads: 5,
};
