-- Libraries, recordings, files and match tasks.

CREATE TABLE libraries (
    library_id  smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    root        bytea NOT NULL UNIQUE,      -- absolute path, as the file system's bytes
    watched     boolean NOT NULL,           -- false: only what `spectra add` named
    scanned_at  timestamptz
);

-- A sound that a fingerprint identifies. Its constellation never changes: other audio is another recording.
CREATE TABLE recordings (
    recording_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest              bytea NOT NULL UNIQUE,  -- SHA-256 of the peaks: equal audio, equal recording
    fingerprint_version smallint NOT NULL,
    constellation       bytea NOT NULL,
    duration_s          double precision NOT NULL,
    is_reference        boolean NOT NULL DEFAULT false,
    title               text,
    artist              text,
    album               text,
    album_art           text,
    video_id            text,
    webpage_url         text,
    created_at          timestamptz NOT NULL DEFAULT now()
);
-- Already compressed: compressing again would only cost time.
ALTER TABLE recordings ALTER COLUMN constellation SET STORAGE EXTERNAL;

CREATE TYPE file_status AS ENUM ('pending', 'indexed', 'failed');

CREATE TABLE files (
    file_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    library_id    smallint NOT NULL REFERENCES libraries,
    path          bytea NOT NULL,           -- below the library's root
    size_bytes    bigint NOT NULL,
    mtime_ns      bigint NOT NULL,
    inode         bigint NOT NULL,
    device        bigint NOT NULL,
    status        file_status NOT NULL DEFAULT 'pending',
    attempts      smallint NOT NULL DEFAULT 0,  -- times a worker was started on it; reset when the file changes
    error         text,
    missing_since timestamptz,
    recording_id  bigint REFERENCES recordings,
    content_hash  bytea,                    -- SHA-256 of the file's bytes
    tags          jsonb,
    UNIQUE (library_id, path)
);
CREATE INDEX files_recording ON files (recording_id);
CREATE INDEX files_content ON files (content_hash);
CREATE INDEX files_pending ON files (file_id) WHERE status = 'pending' AND missing_since IS NULL;

CREATE TYPE task_status AS ENUM ('pending', 'success', 'fail');

CREATE TABLE match_tasks (
    task_id     uuid PRIMARY KEY,
    status      task_status NOT NULL DEFAULT 'pending',
    result      jsonb,
    error       text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX match_tasks_finished ON match_tasks (finished_at);
