// The tables of a store as text, their versions, and how they are created.
import { LedgerError } from "../fetch/ledger/ledger-error.ts";
import { printable } from "../protocol/printable.ts";
import { isMissing } from "./failures.ts";
import { SCHEMA } from "./options.ts";
import type { PgPoolLike } from "./pool.ts";

/**
 * The statements that make version n + 1 of the tables of version n. They may be executed again. A mailbox has three
 * updates of its row for each poll: room in the page keeps its index as it is.
 */
const VERSIONS: readonly string[] = [
  `DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'popwright') THEN
    CREATE SCHEMA "popwright";
  END IF;
END $$;

CREATE TABLE IF NOT EXISTS "popwright".meta (
  name text PRIMARY KEY,
  value bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS "popwright".mailboxes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mailbox text COLLATE "C" NOT NULL UNIQUE,
  key_name text,
  state json NOT NULL DEFAULT '{}',
  token text,
  fence bigint NOT NULL,
  expires timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS "popwright".entries (
  mailbox bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  fence bigint NOT NULL,
  place bigint NOT NULL,
  entry json NOT NULL,
  PRIMARY KEY (mailbox, id)
);

INSERT INTO "popwright".meta (name, value) VALUES ('fence', 0) ON CONFLICT (name) DO NOTHING;
`,
];

/** Notes the version of the tables. */
const NOTE = `INSERT INTO "popwright".meta (name, value) VALUES ('version', ${String(VERSIONS.length)})
  ON CONFLICT (name) DO UPDATE SET value = greatest(meta.value, excluded.value);
`;

/** All statements, for the default schema. */
export const SCHEMA_TEXT: string = [...VERSIONS, NOTE].join("\n");

/** Any number that other programs are not likely to use. */
const LOCK = 7_110_995;

export class Schema {
  readonly #pool: PgPoolLike;
  readonly #schema: string;
  #checked: Promise<void> | undefined;

  /** `schema` must be a name that needs no quotes. */
  constructor(pool: PgPoolLike, schema: string) {
    this.#pool = pool;
    this.#schema = schema;
  }

  /** Creates the tables, or brings them to the present version. Calls of several processes wait for each other. */
  async migrate(): Promise<void> {
    const version = await this.#version();
    if (version === VERSIONS.length) return;
    const statements = [...VERSIONS.slice(version), NOTE].join("\n").replaceAll(SCHEMA, this.#schema);
    // PostgreSQL executes all of it in one transaction, because it is sent as one text.
    await this.#pool.query(`SELECT pg_advisory_xact_lock(${String(LOCK)});\n${statements}`);
  }

  /** Rejects with `POP3_LEDGER` if the tables are missing or of another version. Asks the database once. */
  checked(): Promise<void> {
    this.#checked ??= this.#check().catch((error: unknown) => {
      this.#checked = undefined;
      throw error;
    });
    return this.#checked;
  }

  async #check(): Promise<void> {
    const version = await this.#version();
    if (version === VERSIONS.length) return;
    const what = version === 0 ? "are missing" : `have version ${String(version)}, which is too old`;
    throw new LedgerError(
      `the tables in the schema ${printable(this.#schema)} ${what}: call migrate() of the store, or execute PostgresStore.schema`,
    );
  }

  /** Returns the version of the tables; 0: there are none. */
  async #version(): Promise<number> {
    const query = `SELECT value::text AS value FROM "${this.#schema}".meta WHERE name = 'version'`;
    const { rows } = await this.#pool.query(query).catch((error: unknown) => {
      if (isMissing(error)) return { rows: [] };
      throw error;
    });
    const version = Number((rows[0] as { readonly value?: string } | undefined)?.value ?? 0);
    if (version <= VERSIONS.length) return version;
    throw new LedgerError(
      `the tables in the schema ${printable(this.#schema)} have version ${printable(String(version))}, and this popwright knows ` +
        `only versions up to ${String(VERSIONS.length)}: use the version of popwright that has written them, or a later one`,
    );
  }
}
