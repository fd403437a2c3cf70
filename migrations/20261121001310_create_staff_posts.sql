-- What the bot posted in the Staff room by itself and edits while it lasts.

-- Held plans. Only the newest can be open.
CREATE TABLE provisioner.held_posts (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    held_id    text NOT NULL,
    -- Null until it is sent; the transaction id is made from "id", so a repeated sending posts nothing new.
    event_id   text UNIQUE,
    -- What it shows, to be shown again with its outcome.
    shown      jsonb NOT NULL,
    -- open, dismissed: can be approved. deciding: somebody approved it, and it is carried out. The others are ends.
    state      text NOT NULL DEFAULT 'open' CHECK (state IN (
        'open', 'dismissed', 'deciding', 'decided', 'superseded', 'gone'
    )),
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- Alerts that last. A row goes when its alert is over.
CREATE TABLE provisioner.alerts (
    key       text PRIMARY KEY,
    text      text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now(),
    event_id  text
);
