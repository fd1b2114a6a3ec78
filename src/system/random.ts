// Random numbers that need not be secret. The client, the pool and fetching take them here alone, so that a test can
// put others in their place.

/** Returns a number from 0 up to, but not including, 1. */
export function random(): number {
  return Math.random();
}
