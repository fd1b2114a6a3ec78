// The statements of a store, as text for the default schema. Each is one round trip, and one that writes for a run checks
// its lease itself.

const LEASE = (milliseconds: string): string =>
  `clock_timestamp() + ${milliseconds}::float8 * interval '1 millisecond'`;

/**
 * Greater than all fences of the mailbox before. It is at least the time, in microseconds, so that it also grows if the
 * database is replaced by an older copy; and greater than those of mailboxes that were deleted.
 */
const FENCE = (before: string): string =>
  `greatest(${before} + 1, (SELECT value + 1 FROM "popwright".meta WHERE name = 'fence'),
            (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)`;

/** Of a commit with this setting, nothing is lost unless the server crashes. */
export const SOFT = "set_config('synchronous_commit', 'off', true)";

/** If the program has switched it off for all of its commits, a message could be lost that the mail server has deleted. */
export const DURABLE = `CASE current_setting('synchronous_commit') WHEN 'off'
       THEN set_config('synchronous_commit', 'on', true) END`;

export const HELD_BY = "id = $1::bigint AND token = $2::text AND fence = $3::bigint";

/**
 * How long `open` waits for a lock; milliseconds. A heartbeat that is under way takes less. A transaction of a process that
 * is stopped takes longer.
 */
const PATIENCE = 1000;

/**
 * Takes a mailbox that is free. `FOR UPDATE` excludes the `FOR KEY SHARE` of a delivery, which lets heartbeats pass.
 */
export const OPEN: string = String.raw`
WITH patience AS MATERIALIZED (
  SELECT set_config('lock_timeout', '${String(PATIENCE)}', true) AS is_set
), free AS (
  SELECT m.id, m.token FROM patience, "popwright".mailboxes AS m
  WHERE m.mailbox = $1::text AND (m.token IS NULL OR m.expires <= clock_timestamp() OR m.token = $4::text)
    AND patience.is_set IS NOT NULL
  FOR UPDATE OF m
), taken AS (
  UPDATE "popwright".mailboxes AS m
  SET token = $2::text, expires = ${LEASE("$3")}, fence = ${FENCE("m.fence")}
  FROM free WHERE m.id = free.id
  RETURNING m.id, m.fence, m.state, m.key_name, free.token IS NOT NULL AS taken_over
), added AS (
  INSERT INTO "popwright".mailboxes (mailbox, token, expires, fence)
  SELECT $1::text, $2::text, ${LEASE("$3")}, ${FENCE("0")}
  WHERE NOT EXISTS (SELECT FROM "popwright".mailboxes WHERE mailbox = $1::text)
  ON CONFLICT (mailbox) DO NOTHING
  RETURNING id, fence, state, key_name, false
), done AS (SELECT * FROM taken UNION ALL SELECT * FROM added)
SELECT id::text, fence::text, state::text, key_name, taken_over::text, NULL AS token, ${SOFT} FROM done
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, token, NULL FROM "popwright".mailboxes
WHERE mailbox = $1::text AND NOT EXISTS (SELECT FROM done)`;

export const RENEW: string = String.raw`
UPDATE "popwright".mailboxes AS m SET expires = ${LEASE("$4")}
FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS h(id, token, fence)
WHERE m.id = h.id AND m.token = h.token AND m.fence = h.fence
RETURNING m.id::text AS id, ${SOFT}`;

export const PUT = (ids: string, entries: string, place: string): string => `put AS (
  INSERT INTO "popwright".entries (mailbox, id, fence, place, entry)
  SELECT held.id, n.id, $3::bigint, ${place}::bigint + n.place, n.entry::json
  FROM held, unnest(${ids}::text[], ${entries}::text[]) WITH ORDINALITY AS n(id, entry, place)
  ON CONFLICT (mailbox, id) DO UPDATE SET entry = excluded.entry
)`;

/** Records entries before their messages are stored, and returns those that they replace. */
export const RECORD: string = String.raw`
WITH held AS (
  SELECT id FROM "popwright".mailboxes WHERE ${HELD_BY} FOR KEY SHARE
), old AS (
  SELECT e.id, e.entry FROM "popwright".entries AS e, held WHERE e.mailbox = held.id AND e.id = ANY($4::text[])
), ${PUT("$4", "$5", "$6")}
SELECT (SELECT count(*) FROM held)::text AS held,
       (SELECT json_agg(json_build_array(id, entry)) FROM old)::text AS old, ${DURABLE}`;

export const RESTORE = `
WITH gone AS (DELETE FROM "popwright".entries WHERE mailbox = $1::bigint AND id = ANY($2::text[]))
UPDATE "popwright".entries AS e SET entry = n.entry::json
FROM unnest($3::text[], $4::text[]) AS n(id, entry) WHERE e.mailbox = $1::bigint AND e.id = n.id`;

/** All entries as one text: one row for each would cost more. */
export const ENTRIES = (mailbox: string): string =>
  `(SELECT '[' || string_agg(json_build_array(id, entry)::text, ',' ORDER BY fence, place) || ']'
    FROM "popwright".entries WHERE mailbox = ${mailbox})`;

export const MAILBOX =
  "id::text, mailbox, state::text, key_name, token, (expires <= clock_timestamp())::text AS over, fence::text";
