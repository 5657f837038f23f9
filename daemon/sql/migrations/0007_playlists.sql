-- Playlists whose tracks become references, and what became of each track.

CREATE TABLE playlists (
    playlist_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url          text NOT NULL UNIQUE,       -- canonical
    kind         text NOT NULL,
    title        text,                       -- NULL: not read yet
    every_s      double precision,           -- NULL: only when somebody asks
    source       text NOT NULL CHECK (source IN ('config', 'added')),
    added_at     timestamptz NOT NULL DEFAULT now(),
    next_sync_at timestamptz,                -- NULL: not by itself
    synced_at    timestamptz,                -- when it was last read
    outcome      text CHECK (outcome IN ('read', 'incomplete', 'failed', 'blocked')),
    detail       text,                       -- the same in words
    failures     smallint NOT NULL DEFAULT 0 -- since it was last read
);

-- One row a video, however many lists have it.
CREATE TABLE tracks (
    track_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    video_id      text NOT NULL UNIQUE,
    title         text NOT NULL,
    artists       text[] NOT NULL,
    album         text,
    year          integer,
    duration_s    double precision,
    kind          text NOT NULL CHECK (kind IN ('album audio', 'video')),
    thumbnail_url text,
    cover         bytea,                     -- the picture itself, of album audio: a video's is no cover
    page_url      text NOT NULL,
    state         text NOT NULL CHECK (state IN ('wanted', 'refused', 'fetched', 'unavailable', 'failed')),
    reason        text,                      -- why it was refused, is unavailable, or failed
    attempts      smallint NOT NULL DEFAULT 0,
    retry_at      timestamptz,               -- when it is fetched, at the earliest; NULL: not at all
    recording_id  bigint REFERENCES recordings,
    added_at      timestamptz NOT NULL DEFAULT now(),
    fetched_at    timestamptz,
    CHECK ((state = 'fetched') = (recording_id IS NOT NULL))
);
ALTER TABLE tracks ALTER COLUMN cover SET STORAGE EXTERNAL;
CREATE INDEX tracks_recording ON tracks (recording_id);
CREATE INDEX tracks_to_fetch ON tracks (retry_at, track_id) WHERE retry_at IS NOT NULL;

CREATE TABLE playlist_tracks (
    playlist_id bigint NOT NULL REFERENCES playlists ON DELETE CASCADE,
    track_id    bigint NOT NULL REFERENCES tracks,
    position    integer NOT NULL,            -- 0: first
    gone_since  timestamptz,                 -- it left the list; its reference stays
    PRIMARY KEY (playlist_id, track_id)
);
CREATE INDEX playlist_tracks_track ON playlist_tracks (track_id);

-- The source refused, failed or was not understood: nothing is asked until then.
CREATE TABLE source_pauses (
    work     text PRIMARY KEY CHECK (work IN ('lists', 'downloads')),
    strikes  smallint NOT NULL DEFAULT 0,    -- failures one after the other that are perhaps not the track's own
    until    timestamptz,
    length_s double precision NOT NULL DEFAULT 0,
    reason   text
);
