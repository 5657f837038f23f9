-- A rejection outlives its reference, and a reference's later name: it says which name was rejected.

ALTER TABLE rejections ADD COLUMN title text, ADD COLUMN artist text;
UPDATE rejections SET title = recordings.title, artist = recordings.artist
FROM recordings WHERE recordings.recording_id = rejections.recording_id;

ALTER TABLE rejections
    DROP CONSTRAINT rejections_pkey,
    ALTER COLUMN recording_id DROP NOT NULL,  -- NULL: only the name, the reference is gone or called otherwise
    DROP CONSTRAINT rejections_recording_id_fkey,
    ADD FOREIGN KEY (recording_id) REFERENCES recordings ON DELETE SET NULL;
CREATE INDEX rejections_of ON rejections (file_recording_id, recording_id);
CREATE INDEX rejections_by ON rejections (recording_id);
