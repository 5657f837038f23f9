-- name: mend_times_of_playlists
-- Longer than its interval, or a month, no list is left alone: the clock was wrong.
UPDATE playlists SET next_sync_at = %(now)s
WHERE next_sync_at > %(now)s::timestamptz + make_interval(days => 1, secs => greatest(every_s, 31 * 86400))

-- name: mend_times_of_tracks
UPDATE tracks SET retry_at = %(now)s WHERE retry_at > %(now)s::timestamptz + make_interval(days => 31)

-- name: drop_configured_playlists
DELETE FROM playlists WHERE source = 'config' AND url <> ALL(%(urls)s)

-- name: put_configured_playlist
INSERT INTO playlists (url, kind, every_s, source, next_sync_at)
VALUES (%(url)s, %(kind)s, %(every_s)s, 'config', %(now)s)
ON CONFLICT (url) DO UPDATE
SET source = 'config', every_s = excluded.every_s,
    -- Sooner, if it is to be read more often now; a time for another try stays.
    next_sync_at = least(playlists.next_sync_at,
                         coalesce(playlists.synced_at + make_interval(secs => excluded.every_s),
                                  playlists.next_sync_at, excluded.next_sync_at))

-- name: add_playlist
INSERT INTO playlists (url, kind, every_s, source, next_sync_at)
VALUES (%(url)s, %(kind)s, %(every_s)s, 'added', CASE WHEN %(every_s)s::float IS NOT NULL THEN %(now)s::timestamptz END)
ON CONFLICT (url) DO UPDATE
SET every_s = CASE WHEN playlists.source = 'config' OR NOT %(is_said)s THEN playlists.every_s
              ELSE excluded.every_s END,
    next_sync_at = CASE WHEN playlists.source = 'config' OR NOT %(is_said)s THEN playlists.next_sync_at
                   -- Not by itself any more; somebody who has just asked for it still gets it.
                   WHEN excluded.every_s IS NULL AND playlists.next_sync_at > %(now)s THEN NULL
                   ELSE least(playlists.next_sync_at, excluded.next_sync_at) END
RETURNING playlist_id, xmax = 0

-- name: remove_playlist
WITH removed AS (DELETE FROM playlists WHERE playlist_id = %(playlist_id)s AND source = 'added')
SELECT source FROM playlists WHERE playlist_id = %(playlist_id)s

-- name: playlists
SELECT playlist_id, url, kind, title, every_s, source, next_sync_at, synced_at, outcome, detail, failures
FROM playlists
WHERE %(playlist_id)s::bigint IS NULL OR playlist_id = %(playlist_id)s
ORDER BY playlist_id

-- name: playlist_counts
SELECT playlist_id,
       count(*) FILTER (WHERE gone_since IS NULL AND state = 'wanted'),
       count(*) FILTER (WHERE gone_since IS NULL AND state = 'refused'),
       count(*) FILTER (WHERE gone_since IS NULL AND state = 'fetched'),
       count(*) FILTER (WHERE gone_since IS NULL AND state = 'unavailable'),
       count(*) FILTER (WHERE gone_since IS NULL AND state = 'failed'),
       count(*) FILTER (WHERE gone_since IS NOT NULL),
       count(*) FILTER (WHERE gone_since IS NULL AND retry_at <= %(now)s)
FROM playlist_tracks JOIN tracks USING (track_id)
GROUP BY playlist_id

-- name: playlists_to_read
SELECT playlist_id FROM playlists
WHERE next_sync_at <= %(now)s
  AND playlist_id > %(after)s AND (%(only)s::bigint[] IS NULL OR playlist_id = ANY(%(only)s))
  AND NOT EXISTS (
      SELECT FROM source_pauses WHERE until > %(now)s AND until < %(now)s::timestamptz + interval '8 days')
  AND NOT EXISTS (
      SELECT FROM procrastinate_jobs
      WHERE queueing_lock = 'sync:' || playlist_id AND status IN ('todo', 'doing'))
ORDER BY playlist_id
LIMIT %(limit)s

-- name: tracks_to_fetch
-- Those that have waited longest, until two are queued: the one that is being fetched, and the next. Thousands of jobs
-- that wait for each other would cost more at each look for work than they are worth.
SELECT track_id FROM tracks
WHERE retry_at <= %(now)s
  AND EXISTS (
      SELECT FROM playlist_tracks
      WHERE playlist_tracks.track_id = tracks.track_id AND gone_since IS NULL
        AND (%(of_lists)s::bigint[] IS NULL OR playlist_id = ANY(%(of_lists)s)))
  AND NOT EXISTS (
      SELECT FROM source_pauses WHERE until > %(now)s AND until < %(now)s::timestamptz + interval '8 days')
  AND NOT EXISTS (
      SELECT FROM procrastinate_jobs
      WHERE queueing_lock = 'fetch:' || track_id AND status IN ('todo', 'doing'))
ORDER BY retry_at, track_id
LIMIT greatest(0, 2 - (SELECT count(*) FROM procrastinate_jobs
                       WHERE task_name = 'fetch' AND status IN ('todo', 'doing')))

-- name: read_playlist_soon
UPDATE playlists SET next_sync_at = %(now)s, failures = 0 WHERE playlist_id = %(playlist_id)s RETURNING playlist_id

-- name: try_failed_again
UPDATE tracks SET attempts = 0, retry_at = %(now)s
FROM playlist_tracks
WHERE playlist_tracks.track_id = tracks.track_id AND playlist_id = %(playlist_id)s AND state = 'failed'

-- name: note_playlist_read
UPDATE playlists
SET title = %(title)s, synced_at = %(now)s, outcome = %(outcome)s, detail = %(detail)s, next_sync_at = %(next)s,
    failures = 0
WHERE playlist_id = %(playlist_id)s
RETURNING playlist_id

-- name: note_all_gone
UPDATE playlist_tracks SET gone_since = %(now)s WHERE playlist_id = %(playlist_id)s AND gone_since IS NULL

-- name: put_track
-- What another list refuses is fetched where this one takes it, and the other way round nothing changes. What was
-- fetched, or failed, stays what it is; only the list's word on it is new.
WITH put AS (
    INSERT INTO tracks AS known
        (video_id, title, artists, album, year, duration_s, kind, thumbnail_url, page_url, state, reason, retry_at)
    VALUES (%(video_id)s, %(title)s, %(artists)s, %(album)s, %(year)s, %(duration_s)s, %(kind)s, %(thumbnail_url)s,
            %(page_url)s, CASE WHEN %(refusal)s::text IS NULL THEN 'wanted' ELSE 'refused' END, %(refusal)s,
            CASE WHEN %(refusal)s::text IS NULL THEN %(now)s::timestamptz END)
    ON CONFLICT (video_id) DO UPDATE
    SET album = coalesce(known.album, excluded.album), year = coalesce(known.year, excluded.year),
        duration_s = coalesce(known.duration_s, excluded.duration_s),
        thumbnail_url = coalesce(excluded.thumbnail_url, known.thumbnail_url),
        state = CASE WHEN known.state = 'refused' THEN excluded.state ELSE known.state END,
        reason = CASE WHEN known.state = 'refused' THEN excluded.reason ELSE known.reason END,
        retry_at = CASE WHEN known.state = 'refused' THEN excluded.retry_at ELSE known.retry_at END
    RETURNING track_id)
INSERT INTO playlist_tracks (playlist_id, track_id, position)
SELECT %(playlist_id)s, track_id, %(position)s FROM put
ON CONFLICT (playlist_id, track_id) DO UPDATE SET position = excluded.position, gone_since = NULL

-- name: note_playlist_failed
UPDATE playlists
SET outcome = %(outcome)s, detail = %(detail)s, next_sync_at = %(next)s,
    failures = least(%(failures)s, 32767)
WHERE playlist_id = %(playlist_id)s

-- name: playlist_tracks
SELECT track_id, video_id, title, artists, album, year, duration_s, kind, thumbnail_url, page_url, state, reason,
       attempts, retry_at, recording_id, position, gone_since
FROM playlist_tracks JOIN tracks USING (track_id)
WHERE playlist_id = %(playlist_id)s AND track_id > %(after)s
  AND (%(state)s::text IS NULL OR state = %(state)s AND gone_since IS NULL)
ORDER BY track_id
LIMIT %(limit)s

-- name: track_to_fetch
SELECT track_id, video_id, title, artists, album, year, duration_s, kind, thumbnail_url, page_url, state, reason,
       attempts, retry_at, recording_id
FROM tracks
WHERE track_id = %(track_id)s AND retry_at <= %(now)s
  AND EXISTS (
      SELECT FROM playlist_tracks WHERE playlist_tracks.track_id = tracks.track_id AND gone_since IS NULL)

-- name: note_track
UPDATE tracks SET state = %(state)s, reason = %(reason)s, attempts = least(%(attempts)s, 32767), retry_at = %(retry_at)s
WHERE track_id = %(track_id)s AND state <> 'fetched'

-- name: note_fetched
UPDATE tracks
SET state = 'fetched', reason = NULL, attempts = 0, retry_at = NULL, recording_id = %(recording_id)s,
    cover = %(cover)s, fetched_at = %(now)s, album = coalesce(album, %(album)s), year = coalesce(year, %(year)s)
WHERE track_id = %(track_id)s AND state <> 'fetched'
RETURNING track_id

-- name: add_source
-- Of several videos with the same sound the first one stays the one that is shown.
UPDATE recordings SET video_id = tracks.video_id, webpage_url = page_url, album_art = coalesce(album_art, thumbnail_url)
FROM tracks
WHERE track_id = %(track_id)s AND recordings.recording_id = %(recording_id)s AND recordings.video_id IS NULL

-- name: source_pause
-- The longest has a week: what seems longer was begun by a clock that was wrong, and would never end.
SELECT until, coalesce(reason, '') FROM source_pauses
WHERE until > %(now)s AND until < %(now)s::timestamptz + interval '8 days' ORDER BY until DESC LIMIT 1

-- name: source_setback
SELECT strikes, length_s FROM source_pauses WHERE work = %(work)s

-- name: put_source_setback
INSERT INTO source_pauses (work, strikes, until, length_s, reason)
VALUES (%(work)s, least(%(strikes)s, 32767), %(until)s, %(length_s)s, %(reason)s)
ON CONFLICT (work) DO UPDATE
SET strikes = excluded.strikes, until = excluded.until, length_s = excluded.length_s, reason = excluded.reason

-- name: forget_source_setbacks
DELETE FROM source_pauses WHERE work = %(work)s
