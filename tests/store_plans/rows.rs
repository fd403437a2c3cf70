//! Rows of the two tables that only grow, as statements: for the tests here and for `benches/store.rs`.

/// So many accounts, as a listing left them; one in fifty was revised last.
pub(crate) fn accounts(count: u64) -> String {
    format!(
        "INSERT INTO provisioner.accounts
             (subject, user_id, state, source, display_name, folded, first_seen, last_seen, listing, revision)
         SELECT subject, '@' || subject || ':example.org',
                CASE WHEN n % 100 = 0 THEN 'deleted' WHEN n % 50 = 0 THEN 'disabled' ELSE 'active' END,
                CASE WHEN n % 10 = 0 THEN 'queue' ELSE 'pool' END, 'Person ' || n, n % 100000 = 0,
                now() - interval '100 days', now() - interval '1 hour', 100, n / 60 + 1
         FROM (SELECT n, {SUBJECT} AS subject FROM generate_series(1, {count}) AS n ORDER BY subject) AS people"
    )
}

/// So many lines: attempts, each with its end, over half a year. One in fifty takes a place, one in a hundred changes
/// levels, and each is about one of the 300,000 people.
pub(crate) fn ledger(lines: u64) -> String {
    let attempts = lines / 2;
    format!(
        "INSERT INTO provisioner.ledger
             (at, pass, seq, kind, user_id, room_id, room_key, before, after, cause, mode, outcome, detail, taken)
         SELECT now() - ({attempts} - place) * interval '180 days' / {attempts}, place / 50 + 1, place % 50, kind,
                CASE WHEN kind <> 'set_power_levels' THEN mxid END, '!' || md5((place % 4)::text) || ':example.org',
                'room-' || place % 4,
                CASE kind WHEN 'set_power_levels' THEN jsonb_build_object(mxid, 0) ELSE '\"leave\"' END,
                CASE kind WHEN 'set_power_levels' THEN jsonb_build_object(mxid, 50) ELSE '\"join\"' END,
                'everyone has an account: joined', 'enforce', outcome,
                CASE WHEN kind = 'set_power_levels' AND outcome = 'done' THEN 'event $' || md5(place::text) END,
                CASE kind WHEN 'remove' THEN 1 ELSE 0 END
         FROM (SELECT place, '@' || {SUBJECT} || ':example.org' AS mxid,
                      CASE WHEN place % 50 = 0 THEN 'remove' WHEN place % 100 = 1 THEN 'set_power_levels'
                           WHEN place % 10 = 3 THEN 'create_account' ELSE 'join' END AS kind
               FROM (SELECT place, place % 300000 AS n FROM generate_series(1, {attempts}) AS place OFFSET 0) AS people
               OFFSET 0) AS said,
              (VALUES ('started'), ('done')) AS lines (outcome)"
    )
}

/// The subject of person number "n".
pub(crate) const SUBJECT: &str = "md5(n::text)::uuid::text";

/// Drops the indices that slow filling down, and answers what makes them again.
pub(crate) const INDICES: &str = "
    SELECT format('DROP INDEX %I.%I', schemaname, indexname), indexdef FROM pg_indexes
    WHERE schemaname = 'provisioner' AND tablename IN ('accounts', 'ledger') AND indexdef NOT LIKE '%UNIQUE%'";
