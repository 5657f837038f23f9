-- A file that could not be read for a reason that may pass is tried again.

ALTER TABLE files ADD COLUMN retry_at timestamptz;  -- of a failed file: when it is tried again; NULL: when it changes
CREATE INDEX files_to_retry ON files (retry_at) WHERE status = 'failed' AND retry_at IS NOT NULL;

-- Of those that failed before, only words tell why: each is tried once more.
UPDATE files SET retry_at = now() WHERE status = 'failed';
