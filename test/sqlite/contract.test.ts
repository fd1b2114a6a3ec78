// SqliteStore passes the contract of ledgers, and its destination that of destinations.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Destination } from "popwright/fetch";
import { SqliteStore } from "popwright/sqlite";
import { destinationContract, ledgerContract } from "popwright/testing";
import { full, openDatabase, Watched } from "./stores.ts";

/** A store that renews its leases often, and the others on the same file. */
interface Place {
  readonly path: string;
  readonly stores: SqliteStore<Watched>[];
}

const places = new WeakMap<object, Place>();
const placeOf = (key: object): Place => places.get(key) as Place;

async function newPlace(): Promise<Place> {
  return { path: join(await mkdtemp(join(tmpdir(), "popwright-sqlite-")), "mail.db"), stores: [] };
}

function storeAt(place: Place): SqliteStore<Watched> {
  const store = new SqliteStore(new Watched(openDatabase(place.path)), { heartbeat: 50 });
  store.database.exec("CREATE TABLE IF NOT EXISTS mail (key TEXT, octets BLOB)");
  place.stores.push(store);
  places.set(store, place);
  return store;
}

async function remove({ path, stores }: Place): Promise<void> {
  for (const store of stores) {
    await store.close();
    store.database.close();
  }
  await rm(dirname(path), { recursive: true });
}

/** Writes of entries, states and messages fail, and those of leases do not. */
function failWrites({ database }: SqliteStore<Watched>): () => void {
  database.fail = (sql) =>
    /^INSERT INTO (?:popwright_entries|mail)|SET state/.test(sql) ? full() : undefined;
  return () => (database.fail = () => undefined);
}

function execute({ path }: Place, sql: string): void {
  const database = openDatabase(path);
  database.exec(sql);
  database.close();
}

function rows({ path }: Place): { key: string; octets: Uint8Array }[] {
  const database = openDatabase(path);
  const all = database.prepare("SELECT * FROM mail").all();
  database.close();
  return all as { key: string; octets: Uint8Array }[];
}

const ledger = ledgerContract(async () => storeAt(await newPlace()), {
  reopen: (store) => storeAt(placeOf(store)),
  expire: (store) => execute(placeOf(store), "UPDATE popwright_mailboxes SET expires = 1"),
  failWrites,
  noticesLoss: true,
  loneSurrogates: true,
  remove: (store) => remove(placeOf(store)),
});

const storesOf = new WeakMap<Destination, SqliteStore<Watched>>();
const refused = new WeakMap<Destination, Set<string>>();

function destinationAt(place: Place): Destination {
  const store = storeAt(place);
  const destination: Destination = store.deliver((database, { key, octets }) => {
    database.prepare("INSERT INTO mail VALUES (?, ?)").run(key, octets);
    if (refused.get(destination)?.has(key) === true) throw new Error("refused");
  });
  places.set(destination, place);
  storesOf.set(destination, store);
  refused.set(destination, new Set());
  return destination;
}

const destination = destinationContract(async () => destinationAt(await newPlace()), {
  messages: (each) => rows(placeOf(each)).map(({ octets }) => octets),
  keeps: "bytes",
  contents: (each) => rows(placeOf(each)).map(({ key }) => key),
  knowsKeys: true,
  reopen: (each) => destinationAt(placeOf(each)),
  failWrites: (each) => failWrites(storesOf.get(each) as SqliteStore<Watched>),
  refuse: (each, key) => refused.get(each)?.add(key),
  ledger: (each) => storesOf.get(each) as SqliteStore,
  remove: (each) => remove(placeOf(each)),
});

describe.each([
  // SQLite undoes torn writes.
  ["as a ledger", ledger, ["give the option tear"]],
  // It goes by the lease in the ledger, and remembers no fences: leases.test.ts and destination.test.ts.
  ["as a destination", destination, ["give the option respectsFences"]],
])("SqliteStore %s", (_, cases, left) => {
  for (const { name, run } of cases.filter(({ notRun }) => notRun === undefined)) test(name, run);

  test("leaves out no other cases", () => {
    expect([...new Set(cases.flatMap(({ notRun }) => notRun ?? []))]).toEqual(left);
  });
});
