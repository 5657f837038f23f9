-- What files are called, who proposed it, and every change that was made to them.

ALTER TABLE files ADD COLUMN naming text CHECK (naming IN ('named', 'incomplete', 'unknown'));
ALTER TABLE files ADD COLUMN arrived_later boolean NOT NULL DEFAULT false;  -- not found by the library's first scan
ALTER TABLE files ADD COLUMN identified_at timestamptz;  -- when its sound was last held against all references
CREATE INDEX files_unknown ON files (file_id) WHERE naming = 'unknown' AND missing_since IS NULL;
CREATE INDEX files_to_identify ON files (file_id)
    WHERE naming IN ('unknown', 'incomplete') AND identified_at IS NULL AND missing_since IS NULL;

ALTER TABLE recordings ADD COLUMN offered_at timestamptz;  -- when the unknown files were last held against it
CREATE INDEX recordings_to_offer ON recordings (recording_id) WHERE is_reference AND offered_at IS NULL;

CREATE TYPE change_status AS ENUM (
    'prepared',   -- journaled; the file may be the old or the new one
    'done',       -- the new file is in place
    'undoing',    -- done, and about to be undone; the file may be the new or the old one
    'undone',     -- the old file is in place again, or at least its tags
    'abandoned'   -- it never came to be: the file was in use, or changed, or the write failed
);

CREATE TABLE changes (
    change_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id       bigint REFERENCES files ON DELETE SET NULL,
    root          bytea NOT NULL,           -- where the file was at that time
    path          bytea NOT NULL,
    -- restored: the fields of before another change, written over what somebody edited since
    cause         text NOT NULL CHECK (cause IN ('identified', 'accepted', 'named', 'filled', 'restored')),
    recording_id  bigint REFERENCES recordings ON DELETE SET NULL,  -- the reference the tags come from
    status        change_status NOT NULL DEFAULT 'prepared',
    error         text,                     -- why it was abandoned, or can't be undone
    before_sha256 bytea NOT NULL,           -- of the whole file
    after_sha256  bytea NOT NULL,
    audio_md5     bytea NOT NULL,           -- of the decoded audio, equal before and after
    delta         bytea NOT NULL,           -- what turns the new file into the old one, byte for byte
    before_tags   jsonb NOT NULL,
    after_tags    jsonb NOT NULL,
    evidence      jsonb NOT NULL,           -- why, and from which source each field came
    confirmed_at  timestamptz,              -- a person said that it is right: the file may name others from then on
    created_at    timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz               -- of the last change of status
);
ALTER TABLE changes ALTER COLUMN delta SET STORAGE EXTERNAL;
CREATE INDEX changes_file ON changes (file_id);
CREATE INDEX changes_recording ON changes (recording_id);
CREATE INDEX changes_open ON changes (change_id) WHERE status IN ('prepared', 'undoing');
-- One write at a time to one file.
CREATE UNIQUE INDEX changes_one_open ON changes (file_id) WHERE status IN ('prepared', 'undoing');
-- Which files carry our tags: those are no references.
CREATE INDEX changes_unconfirmed ON changes (after_sha256) WHERE confirmed_at IS NULL;

-- What waits for a person: a file, and what it may be.
CREATE TABLE proposals (
    proposal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id     bigint NOT NULL UNIQUE REFERENCES files ON DELETE CASCADE,
    outcome     text NOT NULL CHECK (outcome IN ('identified', 'ambiguous')),
    reason      text NOT NULL,
    refusal     text,                       -- why what was identified could not be written
    candidates  jsonb NOT NULL,             -- best first: recording, fields with their sources, evidence
    apply_as    text CHECK (apply_as IN ('identified', 'filled', 'accepted')),  -- NULL: a person is asked
    apply_at    timestamptz,                -- when the first candidate is to be written; NULL: not by itself
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX proposals_to_apply ON proposals (apply_at) WHERE apply_at IS NOT NULL;

-- A person said that this sound is not that recording: never proposed again.
CREATE TABLE rejections (
    file_recording_id bigint NOT NULL REFERENCES recordings ON DELETE CASCADE,
    recording_id      bigint NOT NULL REFERENCES recordings ON DELETE CASCADE,
    created_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (file_recording_id, recording_id)
);

-- Constellations reach lower and are denser since: what was fingerprinted before is read again, and gets its naming.
UPDATE files SET status = 'pending', attempts = 0 WHERE recording_id IS NOT NULL;
