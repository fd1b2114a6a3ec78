// A client process: receives one job, runs it, reports what it measured, and exits.
import { contenderNamed } from "./contenders/all.ts";
import type { Job, JobAnswer, Outcome } from "./job.ts";
import { runChurn } from "./tasks/churn.ts";
import { runDecoder } from "./tasks/decoder.ts";
import { runFetch } from "./tasks/fetch.ts";
import { runIdle } from "./tasks/idle.ts";
import { runLarge } from "./tasks/large.ts";
import { runListing } from "./tasks/listing.ts";
import { runPoll } from "./tasks/poll.ts";
import { runRetrieve, runVerify } from "./tasks/retrieve.ts";
import { runSessions } from "./tasks/sessions.ts";

async function run(job: Job): Promise<Outcome> {
  if (job.task === "decoder") return runDecoder(job);
  if (job.task === "fetch") return runFetch(job);
  const contender = contenderNamed(job.contender);
  switch (job.task) {
    case "retrieve":
      return runRetrieve(contender, job);
    case "verify":
      return runVerify(contender, job);
    case "large":
      return runLarge(contender, job);
    case "listing":
      return runListing(contender, job);
    case "poll":
      return runPoll(contender, job);
    case "sessions":
      return runSessions(contender, job);
    case "idle":
      return runIdle(contender, job);
    case "churn":
      return runChurn(contender, job);
  }
}

process.once("message", (job) => {
  const answer = (message: JobAnswer): void => {
    process.send?.(message, () => process.exit());
  };
  run(job as Job).then(
    (outcome) => {
      answer({ outcome });
    },
    (error: unknown) => {
      answer({ error: error instanceof Error ? error.message : String(error) });
    },
  );
});
process.once("disconnect", () => process.exit());
