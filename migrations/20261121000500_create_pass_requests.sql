-- How `apply` asks a running service for a pass, and how it gets the report.
CREATE TABLE provisioner.pass_requests (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    requested_at timestamptz NOT NULL DEFAULT now(),
    taken_at     timestamptz,
    -- How far the pass is: {"done": int, "of": int}.
    progress     jsonb,
    report       jsonb,
    finished_at  timestamptz
);

CREATE INDEX pass_requests_open ON provisioner.pass_requests (id) WHERE finished_at IS NULL;
