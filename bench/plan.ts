// The amount of measuring: everything, or as much as fits into two minutes.

export interface Plan {
  readonly name: "full" | "quick";
  /** Seconds after which no further measure starts. */
  readonly time: number;
  /** The rounds for popwright and the limits, and for all other clients. */
  readonly rounds: number;
  readonly peerRounds: number;
  /** Seconds after which a client is stopped. */
  readonly limit: number;
  /** The same for one huge message, which some clients never finish. */
  readonly largeLimit: number;
  /**
   * Whether all clients run every measure. If not, only popwright and the limits run the less important ones.
   */
  readonly everyone: boolean;
  readonly roundTrips: readonly number[];
  readonly listings: readonly number[];
  readonly smallCount: number;
  readonly largeCount: number;
  readonly polls: number;
  readonly sessions: readonly number[];
  /** The total messages of all sessions, if there are few sessions. */
  readonly sessionMessages: number;
  /** The sessions that are opened and then do nothing. */
  readonly idle: readonly number[];
  readonly churn: number;
  readonly loads: number;
}

export const FULL: Plan = {
  name: "full",
  time: 1100,
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
  idle: [100, 1000, 5000],
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
  idle: [1000],
  churn: 1000,
  loads: 5,
};
