-- Approval of a held plan travels with the request for a pass.
ALTER TABLE provisioner.pass_requests
    ADD COLUMN approve      text,
    ADD COLUMN requested_by text NOT NULL DEFAULT 'somebody';
