//! Queries that may read a whole table, each with its reason. One that no longer does must go from here.

/// What the query contains, what it reads, and why it may.
pub(crate) struct Exception {
    pub(crate) query: &'static str,
    pub(crate) reads: &'static str,
    pub(crate) because: &'static str,
}

pub(crate) const EXCEPTIONS: [Exception; 10] = [
    Exception {
        query: "SELECT digest FROM provisioner.withheld",
        reads: "Seq Scan on withheld",
        because: "read whole once, at the start of the replica that reconciles",
    },
    Exception {
        query: "SELECT class, room_id, user_id FROM provisioner.strangers",
        reads: "Seq Scan on strangers",
        because: "read whole once, at the start of the replica that reconciles. It has a row for each place that is not \
                  taken back yet",
    },
    Exception {
        query: "SELECT user_id, field, value, tried, source FROM provisioner.given_profiles",
        reads: "Seq Scan on given_profiles",
        because: "read whole once, at the start of the replica that reconciles, and only where [profiles] is configured",
    },
    Exception {
        query: "SELECT room_id, user_id, event_id FROM provisioner.pardons",
        reads: "Seq Scan on pardons",
        because: "read whole at the start and when a person asks for something; no pass reads it. It has a row for each one \
                  who left a room by choice and lost the right to it, or was asked back",
    },
    Exception {
        query: "SELECT user_id FROM provisioner.accounts AS locked",
        reads: "Index Only Scan of all of accounts_locked",
        because: "the index has those alone whose account we locked; read once, at the start of the replica that reconciles",
    },
    Exception {
        query: "SELECT count(*) AS \"count!\" FROM provisioner.accounts",
        reads: "Seq Scan on accounts",
        because: "asked only when the pool answers that it has nobody at all, which is refused",
    },
    Exception {
        query: "accounts.listing IS DISTINCT FROM $1",
        reads: "Seq Scan on accounts",
        because: "once at the end of a whole listing, which has just written every row, page by page. An index on what each \
                  listing writes would make every listing write the index, too",
    },
    Exception {
        query: "SELECT FROM provisioner.group_members WHERE name = $1",
        reads: "Seq Scan on group_members",
        because: "once after each reading of a group, which has just brought all of its members; there are few groups",
    },
    Exception {
        query: "AND (outcome <> 'started' OR NOT EXISTS (",
        reads: "Index Scan of all of ledger_pkey",
        because: "the newest lines of all: from the newest on; the filter leaves out every other line, and commands that only \
                  read, of which somebody may give twenty a minute",
    },
    Exception {
        query: "AS \"virtualtransaction!\" FROM pg_locks",
        reads: "Seq Scan on pg_database",
        because: "a cluster has a handful of databases; asked where the ledger has grown and others are told of it",
    },
];
