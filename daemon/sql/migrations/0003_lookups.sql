-- What media servers asked for. The answer is what the file's row says at the moment: nothing of it is kept here.

CREATE TABLE lookups (
    task_id     uuid PRIMARY KEY,
    file_id     bigint REFERENCES files ON DELETE SET NULL,
    path        bytea NOT NULL,             -- as the server sees it
    source      text,                       -- which server
    item_id     text,                       -- what the server calls the file
    wants_tags  boolean NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz                 -- when it was noticed that nothing is waited for any more
);
CREATE INDEX lookups_file ON lookups (file_id);
CREATE INDEX lookups_waiting ON lookups (task_id) WHERE finished_at IS NULL;
CREATE INDEX lookups_finished ON lookups (finished_at);
