// PostgresStore passes the contract of ledgers, and its destination that of destinations: directly, and through PgBouncer.
import type pg from "pg";
import { afterAll, describe, expect, test } from "vitest";
import type { Destination } from "popwright/fetch";
import { PostgresStore } from "popwright/postgres";
import { destinationContract, ledgerContract, type ContractCase } from "popwright/testing";
import { BOUNCER, HOST } from "./servers.ts";
import { newSchema, poolOf } from "./stores.ts";

type Store = PostgresStore<pg.PoolClient>;

/** A schema, the stores on it, and a pool for the test itself. */
interface Place {
  readonly schema: string;
  readonly variable: string;
  readonly pool: pg.Pool;
  readonly stores: Store[];
}

const places = new WeakMap<object, Place>();
const placeOf = (key: object): Place => places.get(key) as Place;
const pools = new Map<string, pg.Pool>();
afterAll(async () => {
  for (const pool of pools.values()) await pool.end();
});

/** One pool for all cases: a store must not need one of its own. */
function poolFor(variable: string): pg.Pool {
  const pool = pools.get(variable) ?? poolOf(variable, { max: 8 });
  pools.set(variable, pool);
  return pool;
}

async function newPlace(variable: string): Promise<Place> {
  const place = { schema: newSchema(), variable, pool: poolFor(HOST), stores: [] };
  await new PostgresStore(poolFor(variable), { schema: place.schema }).migrate();
  await place.pool.query(`CREATE TABLE ${place.schema}.mail (key text, octets bytea)`);
  return place;
}

function storeAt(place: Place): Store {
  const { schema, variable } = place;
  const store: Store = new PostgresStore<pg.PoolClient>(poolFor(variable), { schema, heartbeat: 50 });
  place.stores.push(store);
  places.set(store, place);
  return store;
}

async function remove({ stores, pool, schema }: Place): Promise<void> {
  for (const store of stores) await store.close();
  await pool.query(`DROP SCHEMA ${schema} CASCADE`);
}

/** Writes of entries, states and messages fail as with a full disk, and those of leases do not. */
async function failWrites({ schema, pool }: Place): Promise<() => Promise<void>> {
  const triggers = [
    ["entries", "INSERT OR UPDATE OR DELETE"],
    ["mail", "INSERT"],
    ["mailboxes", "UPDATE OF state"],
  ].map(
    ([table, when]) =>
      `CREATE TRIGGER full_disk BEFORE ${when} ON ${schema}.${table} EXECUTE FUNCTION ${schema}.full_disk();`,
  );
  await pool.query(`
    CREATE FUNCTION ${schema}.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
    ${triggers.join("\n")}`);
  return async () => {
    await pool.query(`DROP FUNCTION ${schema}.full_disk() CASCADE`);
  };
}

async function expire({ schema, pool }: Place): Promise<void> {
  await pool.query(`UPDATE ${schema}.mailboxes SET expires = '-infinity'`);
}

async function rows({ schema, pool }: Place): Promise<{ key: string; octets: Buffer }[]> {
  return (await pool.query<{ key: string; octets: Buffer }>(`SELECT * FROM ${schema}.mail`)).rows;
}

const ledger = (variable: string): ContractCase[] =>
  ledgerContract(async () => storeAt(await newPlace(variable)), {
    reopen: (store) => storeAt(placeOf(store)),
    expire: (store) => expire(placeOf(store)),
    failWrites: (store) => failWrites(placeOf(store)),
    noticesLoss: true,
    loneSurrogates: true,
    remove: (store) => remove(placeOf(store)),
  });

const storesOf = new WeakMap<Destination, Store>();
const refused = new WeakMap<Destination, Set<string>>();

function destinationAt(place: Place): Destination {
  const store = storeAt(place);
  const destination: Destination = store.deliver(async (client, { key, octets }) => {
    await client.query(`INSERT INTO ${place.schema}.mail VALUES ($1, $2)`, [key, octets]);
    if (refused.get(destination)?.has(key) === true) throw new Error("refused");
  });
  places.set(destination, place);
  storesOf.set(destination, store);
  refused.set(destination, new Set());
  return destination;
}

const destination = (variable: string): ContractCase[] =>
  destinationContract(async () => destinationAt(await newPlace(variable)), {
    messages: async (each) => (await rows(placeOf(each))).map(({ octets }) => octets),
    keeps: "bytes",
    contents: async (each) => (await rows(placeOf(each))).map(({ key }) => key),
    knowsKeys: true,
    reopen: (each) => destinationAt(placeOf(each)),
    failWrites: (each) => failWrites(placeOf(each)),
    refuse: (each, key) => refused.get(each)?.add(key),
    ledger: (each) => storesOf.get(each) as Store,
    remove: (each) => remove(placeOf(each)),
  });

describe.each([
  // PostgreSQL undoes torn writes.
  ["as a ledger", ledger(HOST), ["give the option tear"]],
  // It goes by the lease in the ledger, and remembers no fences: leases.test.ts and destination.test.ts.
  ["as a destination", destination(HOST), ["give the option respectsFences"]],
  ["as a ledger, through PgBouncer", ledger(BOUNCER), ["give the option tear"]],
  ["as a destination, through PgBouncer", destination(BOUNCER), ["give the option respectsFences"]],
])("PostgresStore %s", (_, cases, left) => {
  for (const { name, run } of cases.filter(({ notRun }) => notRun === undefined)) test(name, run);

  test("leaves out no other cases", () => {
    expect([...new Set(cases.flatMap(({ notRun }) => notRun ?? []))]).toEqual(left);
  });
});
