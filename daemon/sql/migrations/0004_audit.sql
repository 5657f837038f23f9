-- What was found out about the whole library: which sounds are related, what files state, what a report says.

CREATE TABLE audit_runs (
    run_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- interrupted: the service stopped; the next run goes on where this one was
    status     text NOT NULL DEFAULT 'running'
               CHECK (status IN ('running', 'done', 'cancelled', 'failed', 'interrupted')),
    is_fresh   boolean NOT NULL,            -- nothing that was known before was used
    error      text,                        -- why it failed
    recordings integer,                     -- how many the report is about
    files      integer,
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz
);
CREATE UNIQUE INDEX audit_runs_one_running ON audit_runs ((true)) WHERE status = 'running';

-- Recordings that were held against all others; relations are symmetric, so each is asked once.
CREATE TABLE audited_recordings (
    recording_id    bigint PRIMARY KEY REFERENCES recordings ON DELETE CASCADE,
    sounding_s      double precision,       -- seconds in which anything stands out; NULL: could not be asked
    is_recognisable boolean                 -- it would be known again if it were met
);

CREATE TABLE kinships (
    one_id         bigint NOT NULL REFERENCES recordings ON DELETE CASCADE,
    other_id       bigint NOT NULL REFERENCES recordings ON DELETE CASCADE,
    relation       text NOT NULL CHECK (relation IN ('copy', 'version', 'edit', 'excerpt')),
    is_reversed    boolean NOT NULL,        -- the other is the edit or excerpt
    coverage       real NOT NULL,           -- share of the one that is in the other
    other_coverage real NOT NULL,
    met_share      real NOT NULL,           -- share of the peaks there that both have
    speed          real NOT NULL,           -- how much faster the one plays
    PRIMARY KEY (one_id, other_id),
    CHECK (one_id < other_id)
);
CREATE INDEX kinships_other ON kinships (other_id);

-- What a file states of itself, true while size and time of change are these.
CREATE TABLE audited_files (
    file_id        bigint PRIMARY KEY REFERENCES files ON DELETE CASCADE,
    size_bytes     bigint NOT NULL,
    mtime_ns       bigint NOT NULL,
    codec          text,
    is_lossless    boolean,
    bit_rate       bigint,
    sample_rate_hz integer,
    channels       integer,
    stated_s       double precision,        -- how long the container says it is, where that is no guess
    has_mbid       boolean NOT NULL         -- MusicBrainz's id of the recording is in its tags
);

-- The last report, as it was when it was made: a file may have gone since, so nothing refers to it.
CREATE TABLE audit_findings (
    finding_id bigint PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('mislabelled', 'duplicates', 'broken')),
    problem    text,                        -- of something broken: failed, truncated, silent, short
    reason     text NOT NULL
);

CREATE TABLE audit_members (
    finding_id     bigint NOT NULL REFERENCES audit_findings ON DELETE CASCADE,
    place          integer NOT NULL,
    file_id        bigint,                  -- NULL: a reference without a file
    recording_id   bigint,
    path           bytea,                   -- absolute, at that time
    size_bytes     bigint,
    mtime_ns       bigint,
    duration_s     double precision,        -- of what was decoded
    name_number    integer,                 -- mislabelled: who has the same number says the same name
    title          text,
    artist         text,
    source         text,                    -- how far its name is trusted
    is_likely      boolean,                 -- its name comes from a better source than all others
    relation       text,                    -- duplicates: to the member at `related_place`
    related_place  integer,
    coverage       real,
    other_coverage real,
    met_share      real,
    speed          real,
    PRIMARY KEY (finding_id, place)
);
