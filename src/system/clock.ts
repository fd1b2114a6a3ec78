// The clocks of the machine. The client, the pool and fetching read them here alone, so that a test can put others in
// their place.

/** The system clock: milliseconds since 1970. Someone may set it, forwards or back. */
export function wallTime(): number {
  return Date.now();
}

/** Milliseconds since the process began. Nothing sets this clock. It may stop while the machine sleeps. */
export function steadyTime(): number {
  return performance.now();
}

/** Milliseconds by the clock of the kernel, with the properties of {@link steadyTime}. Processes may compare it. */
export function kernelTime(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
