// The tables of PostgresStore: created by any number of processes at the same time, and refused if they do not fit.
import { expect, test } from "vitest";
import { PostgresStore } from "popwright/postgres";
import { newPlace, newPool, newSchema, storeAt, Watched } from "./stores.ts";

const ANN = "ann@pop.example.com:995";

test("calls of migrate() by several processes at the same time create the tables once", async () => {
  const schema = newSchema();
  const stores = Array.from({ length: 8 }, () => new PostgresStore(newPool(), { schema }));
  await Promise.all(stores.map((store) => store.migrate()));
  await Promise.all(stores.map((store) => store.migrate()));
  await (await (stores[3] as PostgresStore).open(ANN)).close();
});

test("migrate() asks once if the tables are up to date, and keeps what is in them", async () => {
  const place = await newPlace();
  await (await storeAt(place).open(ANN)).close({ state: { lastRun: 1 } });
  const pool = new Watched(newPool());
  const store = storeAt(place, {}, pool);
  await store.migrate();
  expect(pool.count()).toBe(1);
  expect((await store.read(ANN)).state).toEqual({ lastRun: 1 });
});

test("the schema as text can be executed again, and for a schema of another name", async () => {
  const [schema, pool] = [newSchema(), newPool()];
  const text = PostgresStore.schema.replaceAll("popwright", schema);
  await pool.query(text);
  await pool.query(`BEGIN; ${text} COMMIT`);
  const store = new PostgresStore(pool, { schema });
  await store.migrate();
  await (await store.open(ANN)).close();
});

test("a user who may not create schemas can create the tables in one that is there", async () => {
  const [schema, pool] = [newSchema(), newPool()];
  await pool.query(`CREATE ROLE ${schema} LOGIN; CREATE SCHEMA ${schema} AUTHORIZATION ${schema}`);
  const store = new PostgresStore(newPool({ user: schema }), { schema });
  await store.migrate();
  await (await store.open(ANN)).close();
});

test("says what to do if the tables are missing, and works when they are there", async () => {
  const schema = newSchema();
  const store = new PostgresStore(newPool(), { schema });
  const missing = {
    code: "POP3_LEDGER",
    temporary: false,
    message:
      `the tables in the schema ${schema} are missing: call migrate() of the store, or execute ` +
      "PostgresStore.schema",
  };
  for (const call of [() => store.open(ANN), () => store.read(ANN), () => store.delete(ANN)])
    await expect(call()).rejects.toMatchObject(missing);
  await store.migrate();
  await (await store.open(ANN)).close();
});

test("refuses tables of a later version", async () => {
  const place = await newPlace();
  await place.pool.query(`UPDATE ${place.schema}.meta SET value = 7 WHERE name = 'version'`);
  const store = storeAt(place);
  for (const call of [() => store.migrate(), () => store.open(ANN)])
    await expect(call()).rejects.toMatchObject({
      ...{ code: "POP3_LEDGER", temporary: false },
      message: /have version 7, and this popwright knows only versions up to 1: use the version of popwright/,
    });
});
