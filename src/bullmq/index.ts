// The exports of "popwright/bullmq". Its options and errors mention types of "popwright/fetch": they are exported here, too.
export type * from "../fetch/index.ts";
export type { RedisClient } from "../redis/client.ts";
export type { RedisHost } from "../redis/host.ts";
export { Fleet, type FleetMailbox, type Reconciled } from "./fleet.ts";
export type { FetchWorkerOptions, FleetAccount, FleetOptions } from "./options.ts";
export type { FleetPoll, MailboxTrouble, TroubleRecord } from "./report.ts";
export type { FleetHost, FleetStatus, TroubledMailbox } from "./status.ts";
export type { FleetWorkerStatus, WorkerPause } from "./worker-record.ts";
export { createFetchWorker, type FetchWorker, type WorkerHealth } from "./worker.ts";
