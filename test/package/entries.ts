// The entries of the package, as programs import them and as their API reports are named.
export const ENTRIES = [
  "index",
  "bullmq",
  "fetch",
  "node-pop3",
  "oauth2",
  "parse",
  "postgres",
  "redis",
  "sqlite",
  "testing",
] as const;
