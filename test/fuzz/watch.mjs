// The thread of watchdog.ts: ends the process if one input takes too long or too much memory, and prints the input first.
import { writeSync } from "node:fs";
import { workerData } from "node:worker_threads";

/** Seconds: no input takes a hundredth of it, even if the machine is busy. */
const LONGEST = 60;

/** Bytes of the whole process. */
const LARGEST = 2 * 1024 ** 3;

const { counts, input, name } = workerData;
let last = -1;
let seconds = 0;

setInterval(() => {
  const begun = Atomics.load(counts, 0);
  seconds = begun === last && counts[2] === 1 ? seconds + 1 : 0;
  last = begun;
  const memory = process.memoryUsage.rss();
  if (seconds < LONGEST && memory < LARGEST) return;
  const target = Buffer.from(name).toString().replace(/\0+$/, "");
  const data = Buffer.from(input.subarray(0, counts[1])).toString("base64");
  const why = memory < LARGEST ? `${LONGEST} s` : `${memory >> 20} MiB`;
  writeSync(2, `\n${target}: an input takes ${why}\n`);
  writeSync(2, `  npm run fuzz -- --target ${target} --repeat ${data || "''"}\n`);
  process.kill(process.pid, "SIGKILL");
}, 1000);
