-- name: add_recording
INSERT INTO recordings (digest, fingerprint_version, constellation, duration_s)
VALUES (%(digest)s, %(fingerprint_version)s, %(constellation)s, %(duration_s)s)
ON CONFLICT (digest) DO UPDATE SET constellation = excluded.constellation
RETURNING recording_id

-- name: refresh_reference
UPDATE recordings
SET is_reference = best.rank IS NOT NULL, title = best.title, artist = best.artist, album = best.album,
    -- A new name is offered to the unknown files.
    offered_at = CASE WHEN is_reference
                       AND (recordings.title, recordings.artist, recordings.album) IS NOT DISTINCT FROM
                           (best.title, best.artist, best.album)
                      THEN offered_at END
FROM (SELECT 1) AS always
LEFT JOIN LATERAL (
    (SELECT 0 AS rank, named.*
     FROM (SELECT file_id, missing_since, tags ->> 'title' AS title, tags ->> 'artist' AS artist,
                  CASE WHEN NOT EXISTS (  -- it was filled by us
                      SELECT FROM changes
                      WHERE confirmed_at IS NULL AND cause <> 'restored'
                        AND (after_sha256 = files.content_hash
                             OR changes.file_id = files.file_id AND changes.status IN ('prepared', 'done', 'undoing'))
                        AND after_tags ->> 'album' = files.tags ->> 'album'
                        AND before_tags ->> 'album' IS DISTINCT FROM after_tags ->> 'album')
                  THEN tags ->> 'album' END AS album
           FROM files
           WHERE recording_id = %(recording_id)s AND (tags ->> 'trusted')::boolean
             AND NOT EXISTS (  -- its name is our own guess, or that of the file it copies; what is filled has its own
                 SELECT FROM changes
                 WHERE confirmed_at IS NULL AND cause NOT IN ('restored', 'filled')
                   AND (after_sha256 = files.content_hash
                        OR changes.file_id = files.file_id AND changes.status IN ('prepared', 'done', 'undoing')
                           AND after_tags ->> 'title' = files.tags ->> 'title'
                           AND after_tags ->> 'artist' = files.tags ->> 'artist'))) AS named
     ORDER BY missing_since IS NOT NULL, album IS NULL, file_id LIMIT 1)
    UNION ALL  -- files know better than playlists
    (SELECT 1, track_id, NULL, title, array_to_string(artists, ', '), album FROM tracks
     WHERE recording_id = %(recording_id)s ORDER BY kind = 'video', track_id LIMIT 1)
    ORDER BY rank LIMIT 1) AS best ON true
WHERE recordings.recording_id = %(recording_id)s

-- name: drop_unused_recording
DELETE FROM recordings
WHERE recording_id = %(recording_id)s AND video_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM files WHERE files.recording_id = %(recording_id)s)
RETURNING recording_id

-- name: drop_unused_recordings
DELETE FROM recordings
WHERE video_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM files WHERE files.recording_id = recordings.recording_id)

-- name: recording_ids
SELECT recording_id FROM recordings ORDER BY recording_id

-- name: database_identity
SELECT system_identifier || ' ' || current_database() FROM pg_control_system()

-- name: constellations
SELECT recording_id, constellation FROM recordings WHERE recording_id = ANY(%(recording_ids)s)
ORDER BY recording_id

-- name: described
SELECT recording_id, is_reference, title, artist, album, album_art, video_id, webpage_url, duration_s,
       (SELECT path FROM files WHERE files.recording_id = recordings.recording_id
        ORDER BY missing_since IS NOT NULL, file_id LIMIT 1) AS path
FROM recordings WHERE recording_id = ANY(%(recording_ids)s)

-- name: recording_counts
SELECT count(*), count(*) FILTER (WHERE is_reference), coalesce(sum(duration_s), 0) FROM recordings
