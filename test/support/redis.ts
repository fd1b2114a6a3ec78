// A client of Redis that answers nothing: for tests that get no further.
import type { RedisClient } from "popwright/redis";

export const UNUSED_REDIS: RedisClient = {
  call: () => Promise.reject(new Error("there is no Redis")),
};
