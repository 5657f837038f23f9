-- name: files_to_identify
-- What waits: files that were never held against the references, and decisions that are to be written now.
SELECT file_id FROM (
    SELECT file_id FROM files
    WHERE naming IN ('unknown', 'incomplete') AND identified_at IS NULL AND missing_since IS NULL
      AND status = 'indexed'
    UNION
    SELECT file_id FROM proposals JOIN files USING (file_id)
    WHERE apply_at <= now() AND missing_since IS NULL AND status = 'indexed') AS due
WHERE file_id > %(after)s AND (%(only)s::bigint[] IS NULL OR file_id = ANY(%(only)s))
  AND NOT EXISTS (
      SELECT 1 FROM procrastinate_jobs
      WHERE queueing_lock = 'identify:' || file_id AND status IN ('todo', 'doing'))
ORDER BY file_id
LIMIT %(limit)s

-- name: references_to_offer
SELECT recording_id FROM recordings
WHERE is_reference AND offered_at IS NULL
  AND recording_id > %(after)s AND (%(only)s::bigint[] IS NULL OR recording_id = ANY(%(only)s))
  AND NOT EXISTS (
      SELECT 1 FROM procrastinate_jobs
      WHERE queueing_lock = 'offer:' || recording_id AND status IN ('todo', 'doing'))
ORDER BY recording_id
LIMIT %(limit)s

-- name: offer_to_nobody
-- No unknown file, be it missing, has been held against the references yet: each will meet this one in its turn.
UPDATE recordings SET offered_at = now()
WHERE is_reference AND offered_at IS NULL AND recording_id = %(recording_id)s
  AND NOT EXISTS (
      SELECT 1 FROM files WHERE naming IN ('unknown', 'incomplete') AND identified_at IS NOT NULL)

-- name: forget_proposal_of_named
DELETE FROM proposals USING files
WHERE proposals.file_id = %(file_id)s AND files.file_id = proposals.file_id AND files.naming = 'named'

-- name: file_to_identify
SELECT file_id, libraries.root, path, recording_id, naming, tags, arrived_later, identified_at IS NULL,
       EXISTS (  -- as in refresh_reference
           SELECT FROM changes
           WHERE confirmed_at IS NULL AND cause NOT IN ('restored', 'filled')
             AND (after_sha256 = files.content_hash
                  OR changes.file_id = files.file_id AND changes.status IN ('prepared', 'done', 'undoing')
                     AND after_tags ->> 'title' = files.tags ->> 'title'
                     AND after_tags ->> 'artist' = files.tags ->> 'artist'))
FROM files JOIN libraries USING (library_id)
WHERE file_id = %(file_id)s AND status = 'indexed' AND missing_since IS NULL
  AND naming IN ('unknown', 'incomplete')

-- name: references_for
-- All but those that were rejected, and but the file's own sound unless something else than the file names it.
SELECT recording_id FROM recordings
WHERE is_reference
  AND NOT EXISTS (
      SELECT 1 FROM rejections
      WHERE file_recording_id = %(recording_id)s AND rejections.recording_id = recordings.recording_id)
  AND (recordings.recording_id <> %(recording_id)s OR video_id IS NOT NULL OR EXISTS (
      SELECT 1 FROM files
      WHERE files.recording_id = recordings.recording_id AND file_id <> %(file_id)s
        AND (tags ->> 'trusted')::boolean))
ORDER BY recording_id

-- name: rejected_names
SELECT DISTINCT title, artist FROM rejections
WHERE file_recording_id = %(recording_id)s AND title IS NOT NULL AND artist IS NOT NULL

-- name: file_sources
-- A file that carries our tags names no other one, until a person confirmed them (as in refresh_reference); of
-- one that we filled, what we wrote is told apart.
SELECT recording_id, file_id, root, path, size_bytes, mtime_ns, tags, missing_since IS NULL,
       (SELECT coalesce(jsonb_object_agg(written.key, written.value ORDER BY change_id), '{}')
        FROM changes, jsonb_each(after_tags) AS written
        WHERE confirmed_at IS NULL AND cause <> 'restored'
          AND (after_sha256 = theirs.content_hash
               OR changes.file_id = theirs.file_id AND changes.status IN ('prepared', 'done', 'undoing'))
          AND before_tags -> written.key IS DISTINCT FROM written.value)
FROM unnest(%(recording_ids)s::bigint[]) AS wanted (recording_id)
CROSS JOIN LATERAL (
    SELECT file_id, root, path, size_bytes, mtime_ns, tags, missing_since, content_hash
    FROM files JOIN libraries USING (library_id)
    WHERE files.recording_id = wanted.recording_id AND file_id <> %(file_id)s
      AND (tags ->> 'trusted')::boolean
      AND NOT EXISTS (
          SELECT FROM changes
          WHERE confirmed_at IS NULL AND cause NOT IN ('restored', 'filled')
            AND (after_sha256 = files.content_hash
                 OR changes.file_id = files.file_id AND changes.status IN ('prepared', 'done', 'undoing')
                    AND after_tags ->> 'title' = files.tags ->> 'title'
                    AND after_tags ->> 'artist' = files.tags ->> 'artist'))
    ORDER BY missing_since IS NOT NULL, file_id
    LIMIT %(most)s) AS theirs

-- name: video_sources
SELECT recording_id, title, artists, album, year, kind FROM tracks
WHERE recording_id = ANY(%(recording_ids)s)
ORDER BY track_id

-- name: track_covers
SELECT DISTINCT ON (recording_id) recording_id, cover FROM tracks
WHERE recording_id = ANY(%(recording_ids)s) AND cover IS NOT NULL
ORDER BY recording_id, track_id

-- name: note_identified
-- Nothing, if the file changed, or got its name, while it was looked at.
UPDATE files SET identified_at = now()
WHERE file_id = %(file_id)s AND recording_id = %(recording_id)s AND naming = %(naming)s
  AND status = 'indexed'
RETURNING file_id

-- name: are_rejected
-- Asked after `note_identified` has locked the file's row: a rejection meanwhile is seen.
SELECT EXISTS (
    SELECT FROM rejections
    WHERE file_recording_id = %(recording_id)s AND recording_id = ANY(%(candidates)s::bigint[]))

-- name: put_proposal
-- What was accepted unseen stays accepted where a further look comes to the same name.
INSERT INTO proposals AS former (file_id, outcome, reason, candidates, apply_as, apply_at)
VALUES (%(file_id)s, %(outcome)s, %(reason)s, %(candidates)s, %(apply_as)s,
        CASE WHEN %(apply_now)s THEN now() END)
ON CONFLICT (file_id) DO UPDATE
SET (apply_as, apply_at) = (
        SELECT CASE WHEN stays THEN 'accepted' ELSE excluded.apply_as END,
               CASE WHEN stays THEN coalesce(former.apply_at, now()) ELSE excluded.apply_at END
        FROM (SELECT former.apply_as IS NOT DISTINCT FROM 'accepted' AND excluded.outcome = 'identified'
                  AND (former.candidates #> '{0,fields,title}', former.candidates #> '{0,fields,artist}')
                    = (excluded.candidates #> '{0,fields,title}', excluded.candidates #> '{0,fields,artist}')
                  AS stays) AS is_same),
    outcome = excluded.outcome, reason = excluded.reason, refusal = NULL, candidates = excluded.candidates,
    created_at = now()

-- name: drop_proposal
DELETE FROM proposals WHERE file_id = %(file_id)s

-- name: proposal
SELECT outcome, reason, refusal, candidates, apply_as, apply_at IS NOT NULL AND apply_at <= now()
FROM proposals WHERE file_id = %(file_id)s

-- name: note_refusal
UPDATE proposals
SET refusal = %(refusal)s, apply_at = now() + make_interval(secs => %(retry_s)s)
WHERE file_id = %(file_id)s

-- name: accept_proposals
-- The identified ones, to be written soon; those of dry-run folders are named by the caller.
UPDATE proposals SET apply_as = 'accepted', apply_at = now(), refusal = NULL
WHERE outcome = 'identified' AND apply_at IS NULL AND file_id = ANY(%(file_ids)s)
RETURNING file_id

-- name: acceptable
SELECT file_id, root, path FROM proposals JOIN files USING (file_id) JOIN libraries USING (library_id)
WHERE outcome = 'identified' AND apply_at IS NULL AND missing_since IS NULL AND status = 'indexed'
  AND (candidates -> 0 ->> 'confidence')::float >= %(above)s
ORDER BY file_id

-- name: unknown_recordings
-- Of files that were held against all references already, or just are: only they could miss this one. Missing
-- ones, too: they may come back.
SELECT DISTINCT recording_id FROM files
WHERE naming IN ('unknown', 'incomplete') AND status = 'indexed'
  AND (identified_at IS NOT NULL OR file_id = ANY(%(looking)s))
  AND NOT EXISTS (
      SELECT 1 FROM rejections
      WHERE file_recording_id = files.recording_id AND rejections.recording_id = %(recording_id)s)
ORDER BY recording_id

-- name: identify_again
UPDATE files SET identified_at = NULL
WHERE recording_id = ANY(%(recording_ids)s) AND naming IN ('unknown', 'incomplete')
RETURNING file_id

-- name: look_again
-- What was proposed does not hold any more.
WITH stale AS (DELETE FROM proposals WHERE file_id = %(file_id)s)
UPDATE files SET identified_at = NULL WHERE file_id = %(file_id)s AND naming IN ('unknown', 'incomplete')

-- name: note_offered
UPDATE recordings SET offered_at = now() WHERE recording_id = %(recording_id)s

-- name: add_rejection
-- Of recordings that are gone meanwhile, the name.
INSERT INTO rejections (file_recording_id, recording_id, title, artist)
SELECT %(file_recording_id)s, recordings.recording_id, %(title)s, %(artist)s
FROM unnest(%(recording_ids)s::bigint[]) AS given (recording_id) LEFT JOIN recordings USING (recording_id)

-- name: forget_rejections
DELETE FROM rejections WHERE file_recording_id = %(recording_id)s

-- name: drop_rejected_proposals
DELETE FROM proposals USING files
WHERE proposals.file_id = files.file_id AND files.recording_id = %(recording_id)s

-- name: listed_files
-- `words` must all occur in path, title, artist or album.
SELECT file_id, root, path, files.status::text, files.naming, files.error,
       CASE WHEN files.status = 'failed' THEN retry_at END,
       missing_since IS NOT NULL, files.recording_id, files.tags, duration_s,
       outcome, proposals.reason, refusal, candidates, apply_as, apply_at IS NOT NULL
FROM files
JOIN libraries USING (library_id)
LEFT JOIN recordings USING (recording_id)
LEFT JOIN proposals USING (file_id)
WHERE file_id > %(after)s
  AND (%(file_id)s::bigint IS NULL OR file_id = %(file_id)s)
  AND (%(words)s::text[] IS NULL OR search_text LIKE ALL (spectra_patterns(%(words)s)))
  AND CASE %(status)s::text
      WHEN 'missing' THEN missing_since IS NOT NULL
      WHEN 'review' THEN outcome IS NOT NULL AND missing_since IS NULL
      WHEN 'tagged' THEN missing_since IS NULL AND EXISTS (
          SELECT 1 FROM changes
          WHERE changes.file_id = files.file_id AND changes.status = 'done' AND after_sha256 = content_hash)
      WHEN 'pending' THEN files.status = 'pending' AND missing_since IS NULL
      WHEN 'failed' THEN files.status = 'failed' AND missing_since IS NULL
      ELSE (%(status)s::text IS NULL OR naming = %(status)s::text AND files.status = 'indexed'
                                    AND missing_since IS NULL)
      END
ORDER BY file_id
LIMIT %(limit)s

-- name: file_by_path
SELECT file_id FROM files JOIN libraries USING (library_id)
WHERE missing_since IS NULL
  AND substring(%(path)s::bytea FOR length(rtrim(root, '/'::bytea)) + 1) = rtrim(root, '/'::bytea) || '/'::bytea
  AND path = substring(%(path)s::bytea FROM length(rtrim(root, '/'::bytea)) + 2)
ORDER BY length(root) DESC
LIMIT 1

-- name: doubtful_changes
-- What is written in files, but is said no more by the file that it came from: corrected, blanked, or undone.
-- A source that holds another sound by now says nothing of it.
SELECT change_id, field, after_tags ->> field, source.tags ->> field
FROM changes
CROSS JOIN unnest(ARRAY['title', 'artist', 'album']) AS field
JOIN files AS source ON source.file_id = (evidence #>> ARRAY['sources', field, 'file'])::bigint
WHERE changes.status = 'done' AND confirmed_at IS NULL AND cause <> 'restored'
  AND change_id > %(after)s AND (%(file_id)s::bigint IS NULL OR changes.file_id = %(file_id)s)
  AND source.status = 'indexed'
  AND source.recording_id = (evidence #>> ARRAY['sources', field, 'recording'])::bigint
  AND before_tags ->> field IS DISTINCT FROM after_tags ->> field
  AND source.tags ->> field IS DISTINCT FROM after_tags ->> field
ORDER BY change_id

-- name: derived_from_file
-- Changes in force of which any field came from this file.
SELECT change_id FROM changes
WHERE status IN ('done', 'undoing') AND cause <> 'restored'
  AND evidence -> 'sources' @? format('$.* ? (@.file == %%s)', %(file_id)s::bigint)::jsonpath
ORDER BY change_id DESC LIMIT %(most)s

-- name: confirm_name
-- A person says that the name this file carries is right, whoever wrote it, here or in the file it is a copy of.
UPDATE changes SET confirmed_at = now()
FROM files
WHERE files.file_id = %(file_id)s AND confirmed_at IS NULL AND cause <> 'restored'
  AND (after_sha256 = files.content_hash OR changes.file_id = files.file_id AND changes.status = 'done')
  AND after_tags ->> 'title' = files.tags ->> 'title' AND after_tags ->> 'artist' = files.tags ->> 'artist'

-- name: identification_counts
SELECT (SELECT count(*) FROM files
        WHERE naming = 'unknown' AND missing_since IS NULL AND status = 'indexed'),
       (SELECT count(*) FROM proposals JOIN files USING (file_id)
        WHERE missing_since IS NULL AND apply_at IS NULL),
       (SELECT count(*) FROM proposals JOIN files USING (file_id)
        WHERE missing_since IS NULL AND apply_at IS NOT NULL AND refusal IS NULL),
       (SELECT count(*) FROM proposals JOIN files USING (file_id)
        WHERE missing_since IS NULL AND apply_at IS NOT NULL AND refusal IS NOT NULL),
       (SELECT count(DISTINCT changes.file_id) FROM changes JOIN files USING (file_id)
        WHERE changes.status = 'done' AND after_sha256 = content_hash AND missing_since IS NULL),
       (SELECT count(*) FROM files
        WHERE naming IN ('unknown', 'incomplete') AND identified_at IS NULL AND missing_since IS NULL
          AND status = 'indexed'),
       (SELECT count(*) FROM recordings WHERE is_reference AND offered_at IS NULL)
