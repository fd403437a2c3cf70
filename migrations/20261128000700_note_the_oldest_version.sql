-- A version starts beside a schema that a later one has migrated, so that a release can be rolled back. A migration that takes
-- something away from older versions raises this to its own number, and versions that do not know it refuse to start.
ALTER TABLE provisioner.stamp ADD COLUMN oldest_version bigint NOT NULL DEFAULT 0;
