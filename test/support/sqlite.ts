// As much of a database as the constructor of SqliteStore asks: for tests that get no further.
import type { SqliteDatabase } from "popwright/sqlite";

export const UNUSED: SqliteDatabase = {
  exec: () => undefined,
  close: () => undefined,
  prepare: () => ({
    run: () => ({ changes: 0, lastInsertRowid: 0 }),
    get: () => ({ version: "3.50.0" }),
    all: () => [{ name: "main", file: "mail.db" }],
  }),
};
